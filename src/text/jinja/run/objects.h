#pragma once
// The objects of templates: namespaces, functions, bound methods, ranges, views of dicts, one-time iterators, `loop`.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/run/interpreter.h"

namespace hearth::text::jinja {

// namespace(a=1): the only thing that a template can change.
class Namespace final : public Object {
 public:
  std::string_view type_name() const override { return "Namespace"; }
  Result<std::optional<Value>> attribute(Interpreter& run, std::string_view name) override;
  Traced repr() const override;
  // Errors: names that begin with an underscore.
  Result<void> set(Interpreter& run, const Value& name, const Value& value);
  void forget() override { attributes_.clear(); }

 private:
  std::vector<std::pair<Value, Value>> attributes_;  // in the order of their first assignment
};

// A function of ours: a global, or a method bound to its object.
class BuiltIn final : public Object {
 public:
  using Body = Result<Value> (*)(Interpreter& run, const Value& self, Arguments arguments);
  BuiltIn(std::string_view name, Body body, Value self = {})
      : Object(self.extent()), name_(name), body_(body), self_(std::move(self)) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Interpreter& run, Arguments arguments) override { return body_(run, self_, std::move(arguments)); }
  Traced repr() const override { return Traced::literal(fmt::format("<built-in function {}>", name_)); }

 private:
  std::string_view name_;
  Body body_;
  Value self_;
};

class Macro final : public Object {
 public:
  Macro(const Function& function, std::string_view name, Activation* outer)
      : function_(function), name_(name), outer_(outer) {}
  std::string_view type_name() const override { return "Macro"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Interpreter& run, Arguments arguments) override;
  Result<std::optional<Value>> attribute(Interpreter& run, std::string_view name) override;
  Traced repr() const override { return Traced::literal(fmt::format("<Macro '{}'>", name_)); }

 private:
  const Function& function_;
  std::string_view name_;
  Activation* outer_;
};

class Range final : public Object {
 public:
  Range(int64_t start, int64_t stop, int64_t step, size_t length)
      : start_(start), stop_(stop), step_(step), length_(length) {}
  // Errors: more than kMaxLength numbers, a step of 0.
  static Result<Value> make(int64_t start, int64_t stop, int64_t step);
  static constexpr uint64_t kMaxLength = 100'000;  // as the sandbox of Jinja2

  std::string_view type_name() const override { return "range"; }
  std::optional<size_t> length() const override { return length_; }
  bool is_truthy() const override { return length_ > 0; }
  bool is_sequence() const override { return true; }
  std::optional<Value> item(const Value& key) override;
  IteratorPtr iterate() override;
  bool equals(const Object& other) const override;
  Traced repr() const override;
  Value at(size_t i) const { return Value(start_ + static_cast<int64_t>(i) * step_); }
  Value slice(int64_t begin, int64_t end, int64_t step, size_t length) const;

 private:
  int64_t start_, stop_, step_;
  size_t length_;
};

// dict.keys(), .values(), .items()
class DictView final : public Object {
 public:
  enum class Kind : uint8_t { kKeys, kValues, kItems };
  DictView(Value dict, Kind kind) : Object(dict.extent()), dict_(std::move(dict)), kind_(kind) {}
  std::string_view type_name() const override;
  std::optional<size_t> length() const override { return dict_.dict().entries().size(); }
  bool is_truthy() const override { return !dict_.dict().entries().empty(); }
  bool is_hashable() const override { return kind_ == Kind::kValues; }
  IteratorPtr iterate() override;
  bool equals(const Object& other) const override;
  Traced repr() const override;
  Value at(size_t i) const;
  // Where the view is of keys: whether it holds one.
  std::optional<bool> has_key(const Value& key) const;

 private:
  Value dict_;
  Kind kind_;
};

// A generator: its values come once. What it computes from must be captured in `next`.
class Generator final : public Object {
 public:
  using Next = std::function<Result<std::optional<Value>>(Interpreter& run)>;
  Generator(Next next, const Extent& source) : Object(source), next_(std::move(next)) {}
  std::string_view type_name() const override { return "generator"; }
  IteratorPtr iterate() override;
  Result<std::optional<Value>> next(Interpreter& run) { return next_(run); }

 private:
  Next next_;
};

// `loop`, and the walk over what a for statement repeats for.
class Loop final : public Object {
 public:
  // `activation`: where the statement runs; its test and a recursive call need it.
  Loop(const For& statement, Activation* activation, IteratorPtr items, const Value& iterable, uint32_t depth);

  Result<bool> advance(Interpreter& run);  // to the next item that passes the test; false at the end
  const Value& current() const { return *current_; }

  std::string_view type_name() const override { return "LoopContext"; }
  bool is_callable() const override { return true; }
  IteratorPtr iterate() override { return nullptr; }
  Result<Value> call(Interpreter& run, Arguments arguments) override;
  Result<std::optional<Value>> attribute(Interpreter& run, std::string_view name) override;
  Result<Value> cycle(const Arguments& arguments) const;
  Result<Value> changed(Interpreter& run, Arguments arguments);  // whether they differ from those of the last call
  void forget() override { last_changed_.reset(); }

 private:
  Result<std::optional<Value>> pull(Interpreter& run);
  Result<const std::optional<Value>*> peek(Interpreter& run);
  Result<int64_t> count(Interpreter& run);

  const For& statement_;
  Activation* activation_;
  IteratorPtr items_;
  std::optional<size_t> length_;
  uint32_t depth_;
  size_t index0_ = 0;
  bool has_started_ = false, has_peeked_ = false;
  std::optional<Value> before_, current_, after_;
  std::optional<std::vector<Value>> last_changed_;
  std::vector<Value> drained_;  // items pulled ahead to count them
  size_t drained_used_ = 0;
  bool is_drained_ = false;
};

// Yields its values in turn: cycler(...).
class Cycler final : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : Object(Value::list(items).extent()), items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  Result<std::optional<Value>> attribute(Interpreter& run, std::string_view name) override;
  Value next();
  void reset() { at_ = 0; }

 private:
  std::vector<Value> items_;
  size_t at_ = 0;
};

// joiner(sep): "" when first called, then the separator.
class Joiner final : public Object {
 public:
  explicit Joiner(Value separator) : Object(separator.extent()), separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Interpreter& run, Arguments arguments) override;

 private:
  Value separator_;
  bool was_called_ = false;
};

template <class T, class... Args>
Value make_object(Args&&... args) {
  return Value(std::shared_ptr<Object>(std::make_shared<T>(std::forward<Args>(args)...)));
}

// One pass over values that are at hand.
IteratorPtr iterate_items(std::vector<Value> items);

}  // namespace hearth::text::jinja
