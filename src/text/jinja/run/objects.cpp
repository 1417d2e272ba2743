#include "text/jinja/run/objects.h"

#include <algorithm>

#include "text/jinja/run/arguments.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

class ItemsIterator final : public Iterator {
 public:
  explicit ItemsIterator(std::vector<Value> items) : items_(std::move(items)) {}
  Result<std::optional<Value>> next(Interpreter&) override {
    if (at_ == items_.size()) return std::nullopt;
    return items_[at_++];
  }

 private:
  std::vector<Value> items_;
  size_t at_ = 0;
};

// Walks a Range or DictView by position, from a copy of it.
template <class Source>
class IndexIterator final : public Iterator {
 public:
  explicit IndexIterator(const Source& source) : source_(source), size_(*source.length()) {}
  Result<std::optional<Value>> next(Interpreter&) override {
    if (at_ == size_) return std::nullopt;
    return source_.at(at_++);
  }

 private:
  Source source_;
  size_t at_ = 0, size_;
};

class GeneratorIterator final : public Iterator {
 public:
  explicit GeneratorIterator(std::shared_ptr<Generator> generator) : generator_(std::move(generator)) {}
  Result<std::optional<Value>> next(Interpreter& run) override { return generator_->next(run); }

 private:
  std::shared_ptr<Generator> generator_;
};

}  // namespace

IteratorPtr iterate_items(std::vector<Value> items) { return std::make_unique<ItemsIterator>(std::move(items)); }

Result<std::optional<Value>> Namespace::attribute(Interpreter& run, std::string_view name) {
  HEARTH_TRY_VOID(run.spend(attributes_.size() / 16));
  for (const auto& [key, value] : attributes_)
    if (key.is_string() && key.bytes() == name) return value;
  return std::nullopt;
}

Result<void> Namespace::set(Interpreter& run, const Value& name, const Value& value) {
  if (name.is_string() && name.bytes().starts_with('_'))
    return refuse("'{}': a namespace takes no names that begin with an underscore", name.bytes());
  HEARTH_TRY_VOID(run.spend(1 + attributes_.size() / 16));
  for (auto& [key, old] : attributes_)
    if (compare_keys(key, name) == 0) return old = value, Result<void>{};
  attributes_.emplace_back(name, value);
  return {};
}

// What stands in a namespace may be the namespace itself, so its values are not printed.
Traced Namespace::repr() const { return Traced::literal(fmt::format("<Namespace of {} names>", attributes_.size())); }

Result<Value> Macro::call(Interpreter& run, Arguments arguments) {
  return run.invoke(function_, name_, outer_, std::move(arguments));
}

Result<std::optional<Value>> Macro::attribute(Interpreter&, std::string_view name) {
  if (name == "name") return Value::literal(name_);
  if (name == "caller") return Value(function_.caller.has_value());
  if (name == "catch_kwargs") return Value(function_.kwargs.has_value());
  if (name == "catch_varargs") return Value(function_.varargs.has_value());
  if (name != "arguments") return std::nullopt;
  std::vector<Value> names;
  for (const Target& parameter : function_.parameters) names.push_back(Value::literal(parameter.name));
  return Value::tuple(std::move(names));
}

Result<Value> Range::make(int64_t start, int64_t stop, int64_t step) {
  if (step == 0) return refuse("range() needs a step that is not zero");
  const bool empty = step > 0 ? start >= stop : start <= stop;
  const uint64_t distance = empty      ? 0
                            : step > 0 ? static_cast<uint64_t>(stop) - static_cast<uint64_t>(start)
                                       : static_cast<uint64_t>(start) - static_cast<uint64_t>(stop);
  const uint64_t stride = step > 0 ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  const uint64_t length = empty ? 0 : (distance - 1) / stride + 1;
  if (length > kMaxLength) return refuse("a range of {} numbers is too long (the bound is {})", length, kMaxLength);
  return Value(std::shared_ptr<Object>(std::make_shared<Range>(start, stop, step, length)));
}

std::optional<Value> Range::item(const Value& key) {
  if (!key.is_integral()) return std::nullopt;
  const int64_t size = static_cast<int64_t>(length_), i = key.integer() < 0 ? key.integer() + size : key.integer();
  if (i < 0 || i >= size) return std::nullopt;
  return at(static_cast<size_t>(i));
}

IteratorPtr Range::iterate() { return std::make_unique<IndexIterator<Range>>(*this); }

bool Range::equals(const Object& other) const {
  const auto* range = dynamic_cast<const Range*>(&other);
  if (range == nullptr || range->length_ != length_) return false;
  return length_ == 0 || (range->start_ == start_ && (length_ == 1 || range->step_ == step_));
}

Traced Range::repr() const {
  return Traced::literal(step_ == 1 ? fmt::format("range({}, {})", start_, stop_)
                                    : fmt::format("range({}, {}, {})", start_, stop_, step_));
}

Value Range::slice(int64_t begin, int64_t end, int64_t step, size_t length) const {
  const uint64_t own_step = static_cast<uint64_t>(step_);  // without a sign: the step of a range of one number may wrap
  const auto place = [&](int64_t i) { return static_cast<int64_t>(static_cast<uint64_t>(start_) + static_cast<uint64_t>(i) * own_step); };
  return make_object<Range>(place(begin), place(end), static_cast<int64_t>(own_step * static_cast<uint64_t>(step)), length);
}

std::string_view DictView::type_name() const {
  return kind_ == Kind::kKeys ? "dict_keys" : kind_ == Kind::kValues ? "dict_values" : "dict_items";
}

Value DictView::at(size_t i) const {
  const auto& [key, value] = dict_.dict().entries()[i];
  return kind_ == Kind::kKeys ? key : kind_ == Kind::kValues ? value : Value::tuple({key, value});
}

IteratorPtr DictView::iterate() { return std::make_unique<IndexIterator<DictView>>(*this); }

std::optional<bool> DictView::has_key(const Value& key) const {
  if (kind_ != Kind::kKeys || !key.is_hashable()) return std::nullopt;
  return dict_.dict().find(key) != nullptr;
}

bool DictView::equals(const Object& other) const {
  const auto* view = dynamic_cast<const DictView*>(&other);
  if (view == nullptr || view->kind_ != kind_ || kind_ == Kind::kValues) return this == &other;
  if (kind_ == Kind::kItems) return equal(dict_, view->dict_);
  const auto& keys = dict_.dict().entries();
  return keys.size() == view->dict_.dict().entries().size() &&
         std::all_of(keys.begin(), keys.end(),
                     [&](const auto& entry) { return view->dict_.dict().find(entry.first) != nullptr; });
}

Traced DictView::repr() const {
  std::vector<Value> items;
  for (size_t i = 0; i < *length(); ++i) items.push_back(at(i));
  Traced out = Traced::literal(fmt::format("{}(", type_name()));
  out.append(to_repr(Value::list(std::move(items))));
  out.append(")");
  return out;
}

IteratorPtr Generator::iterate() {
  return std::make_unique<GeneratorIterator>(std::static_pointer_cast<Generator>(shared_from_this()));
}

Loop::Loop(const For& statement, Activation* activation, IteratorPtr items, const Value& iterable, uint32_t depth)
    : Object(iterable.extent()),
      statement_(statement),
      activation_(activation),
      items_(std::move(items)),
      length_(statement.test ? std::nullopt : iterable.length()),
      depth_(depth) {}

// The next item that passes the test, from those pulled ahead first.
Result<std::optional<Value>> Loop::pull(Interpreter& run) {
  if (is_drained_) {
    if (drained_used_ == drained_.size()) return std::nullopt;
    return drained_[drained_used_++];
  }
  while (true) {
    HEARTH_TRY_VOID(run.spend(1));
    HEARTH_TRY(item, items_->next(run));
    if (!item || !statement_.test) return item;
    HEARTH_TRY(passes, run.passes_test(statement_, activation_, *item));
    if (passes) return item;
  }
}

Result<const std::optional<Value>*> Loop::peek(Interpreter& run) {
  if (!has_peeked_) {
    HEARTH_TRY(item, pull(run));
    after_ = std::move(item);
    has_peeked_ = true;
  }
  return &after_;
}

Result<bool> Loop::advance(Interpreter& run) {
  HEARTH_TRY(upcoming, peek(run));
  if (!upcoming->has_value()) return false;
  before_ = std::exchange(current_, std::exchange(after_, std::nullopt));
  has_peeked_ = false;
  index0_ = has_started_ ? index0_ + 1 : 0;
  has_started_ = true;
  return true;
}

Result<int64_t> Loop::count(Interpreter& run) {
  if (!length_) {
    std::vector<Value> ahead;
    while (true) {
      HEARTH_TRY(item, pull(run));
      if (!item) break;
      ahead.push_back(std::move(*item));
    }
    length_ = ahead.size() + index0_ + 1 + (has_peeked_ && after_ ? 1 : 0);
    drained_ = std::move(ahead);
    is_drained_ = true;
  }
  return static_cast<int64_t>(*length_);
}

Result<Value> Loop::cycle(const Arguments& arguments) const {
  if (arguments.positional.empty()) return refuse("loop.cycle() needs something to cycle through");
  return arguments.positional[index0_ % arguments.positional.size()];
}

Result<Value> Loop::changed(Interpreter& run, Arguments arguments) {
  const auto& values = arguments.positional;
  for (const Value& value : values) HEARTH_TRY_VOID(run.spend(value.extent().weight));
  if (last_changed_ && std::equal(values.begin(), values.end(), last_changed_->begin(), last_changed_->end(), equal))
    return Value(false);
  if (!last_changed_) run.own(shared_from_this());  // a loop may be told of itself
  last_changed_ = std::move(arguments.positional);
  return Value(true);
}

Result<Value> Loop::call(Interpreter& run, Arguments arguments) {
  if (!statement_.is_recursive) return refuse("only a loop marked 'recursive' can be called");
  if (arguments.positional.size() != 1 || !arguments.named.empty()) return refuse("'loop' takes one argument");
  return run.run_recursive_loop(statement_, activation_, arguments.positional[0], depth_ + 1);
}

Result<std::optional<Value>> Loop::attribute(Interpreter& run, std::string_view name) {
  const auto index0 = static_cast<int64_t>(index0_);
  if (name == "index") return Value(index0 + 1);
  if (name == "index0") return Value(index0);
  if (name == "first") return Value(index0_ == 0);
  if (name == "depth") return Value(int64_t{depth_} + 1);
  if (name == "depth0") return Value(int64_t{depth_});
  if (name == "length" || name == "revindex" || name == "revindex0") {
    HEARTH_TRY(length, count(run));
    return Value(name == "length" ? length : length - index0 - (name == "revindex0" ? 1 : 0));
  }
  if (name == "last") {
    HEARTH_TRY(upcoming, peek(run));
    return Value(!upcoming->has_value());
  }
  if (name == "nextitem") {
    HEARTH_TRY(upcoming, peek(run));
    return upcoming->has_value() ? **upcoming : Value::undefined("there is no next item");
  }
  if (name == "previtem") return index0_ > 0 && before_ ? *before_ : Value::undefined("there is no previous item");
  const auto self = [&] { return Value(shared_from_this()); };
  if (name == "cycle")
    return make_object<BuiltIn>(
        "cycle", [](Interpreter&, const Value& loop, Arguments a) { return loop.as<Loop>()->cycle(a); }, self());
  if (name == "changed")
    return make_object<BuiltIn>(
        "changed",
        [](Interpreter& r, const Value& loop, Arguments a) { return loop.as<Loop>()->changed(r, std::move(a)); },
        self());
  return std::nullopt;
}

Value Cycler::next() {
  const Value value = items_[at_];
  at_ = (at_ + 1) % items_.size();
  return value;
}

Result<std::optional<Value>> Cycler::attribute(Interpreter&, std::string_view name) {
  const auto self = [&] { return Value(shared_from_this()); };
  if (name == "current") return items_[at_];
  if (name == "next")
    return make_object<BuiltIn>(
        "next",
        [](Interpreter&, const Value& cycler, Arguments) -> Result<Value> { return cycler.as<Cycler>()->next(); },
        self());
  if (name == "reset")
    return make_object<BuiltIn>(
        "reset",
        [](Interpreter&, const Value& cycler, Arguments) -> Result<Value> {
          return cycler.as<Cycler>()->reset(), Value::none();
        },
        self());
  return std::nullopt;
}

Result<Value> Joiner::call(Interpreter&, Arguments) {
  if (std::exchange(was_called_, true)) return separator_;
  return Value::literal("");
}

}  // namespace hearth::text::jinja
