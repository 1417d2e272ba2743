// Statements, scopes and calls; expressions are in evaluate.cpp.
#include "text/jinja/run/interpreter.h"

#include <algorithm>

#include "text/jinja/run/globals.h"
#include "text/jinja/run/objects.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

// Sends what is written to a text of its own while it lives.
class Interpreter::OutputCapture {
 public:
  explicit OutputCapture(Interpreter& run) : run_(run), before_(run.out_) { run.out_ = &text_; }
  ~OutputCapture() { run_.out_ = before_; }
  Value take() { return Value(std::move(text_)); }

 private:
  Interpreter& run_;
  Traced* before_;
  Traced text_;
};

// Makes a new activation the current one while it lives.
class Interpreter::ActivationScope {
 public:
  ActivationScope(Interpreter& run, Activation* outer, uint16_t slots)
      : run_(run), before_(run.activation_), activation_(std::make_unique<Activation>()) {
    activation_->outer = outer;
    activation_->slots.resize(slots);
    run.activation_ = activation_.get();
  }
  ~ActivationScope() {
    run_.activation_ = before_;
    if (activation_->is_referred_to) run_.kept_.push_back(std::move(activation_));
  }

 private:
  Interpreter& run_;
  Activation* before_;
  std::unique_ptr<Activation> activation_;
};

Interpreter::Interpreter(const Tree& tree, const Variables& variables, int64_t now_unix, Limits limits)
    : tree_(tree), variables_(variables), now_unix_(now_unix), limits_(limits) {}

Interpreter::~Interpreter() {
  for (const auto& object : owned_) object->forget();
}

Result<Traced> Interpreter::render() {
  Traced text;
  out_ = &text;
  const ActivationScope scope(*this, nullptr, tree_.slots);
  HEARTH_TRY_VOID(enter(tree_.scope));
  HEARTH_TRY(flow, run(tree_.body));
  (void)flow;
  return text;
}

Result<void> Interpreter::spend(uint64_t units) {
  work_ += std::min(units, limits_.work + 1);
  if (work_ > limits_.work) return refuse("rendering takes too much work (more than {} steps)", limits_.work);
  return {};
}

Result<void> Interpreter::spend_on_text(uint64_t bytes) {
  if (bytes > kMaxTextBytes) return refuse("a text of {} bytes is too large (the bound is {})", bytes, kMaxTextBytes);
  return spend(bytes / 8);
}

void Interpreter::own(std::shared_ptr<Object> object) { owned_.push_back(std::move(object)); }

Value& Interpreter::slot(Ref ref) {
  Activation* activation = activation_;
  for (uint16_t i = 0; i < ref.up; ++i) activation = activation->outer;
  return activation->slots[ref.slot];
}

Result<void> Interpreter::enter(const Scope& scope) {
  HEARTH_TRY_VOID(spend(scope.size() / 4));
  for (const SlotStart& start : scope) {
    Value& variable = activation_->slots[start.slot];
    switch (start.kind) {
      case SlotStart::Kind::kMissing: variable = Value(); break;
      case SlotStart::Kind::kOuter: variable = slot(start.outer); break;
      case SlotStart::Kind::kGlobal: {
        const auto given = variables_.find(start.name);
        variable = given != variables_.end() ? given->second : find_global(start.name);
        break;
      }
    }
  }
  return {};
}

Result<void> Interpreter::assign(const Target& target, const Value& value) {
  if (target.is_tuple) {
    HEARTH_TRY(items, collect(value));
    if (items.size() != target.items.size())
      return refuse("cannot unpack {} values into {} names", items.size(), target.items.size());
    for (size_t i = 0; i < items.size(); ++i) HEARTH_TRY_VOID(assign(target.items[i], items[i]));
    return {};
  }
  if (!target.attribute) {
    slot(target.ref) = value;
    return {};
  }
  Namespace* object = slot(target.ref).as<Namespace>();
  if (object == nullptr) return refuse("cannot assign to an attribute of '{}', which is no namespace", target.name);
  return object->set(*this, Value::literal(*target.attribute), value);
}

Result<void> Interpreter::write(const Traced& text) {
  HEARTH_TRY_VOID(spend(text.size() / 8));
  if (out_->size() + text.size() > limits_.output)
    return refuse("the rendered text is larger than {} bytes", limits_.output);
  out_->append(text);
  return {};
}

Result<Interpreter::Flow> Interpreter::run(const Body& body) {
  for (const Stmt& stmt : body) {
    Result<void> allowed = spend(1);
    if (allowed && depth_ >= limits_.depth) allowed = refuse("nested more than {} calls deep", limits_.depth);
    ++depth_;
    Result<Flow> flow = allowed ? std::visit([&](const auto& node) { return run(node); }, stmt.node)
                                : Result<Flow>(std::unexpected(std::move(allowed).error()));
    --depth_;
    if (!flow && flow.error().where.empty()) flow.error().where = fmt::format("chat template line {}", stmt.line);
    if (!flow || *flow != Flow::kOn) return flow;
  }
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const PlainText& node) {
  HEARTH_TRY_VOID(write(node.text));
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const Output& node) {
  HEARTH_TRY(value, evaluate(*node.value));
  HEARTH_TRY_VOID(value.is_string() ? write(value.text()) : write(to_text(value)));
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const Set& node) {
  HEARTH_TRY(value, evaluate(*node.value));
  HEARTH_TRY_VOID(assign(node.target, value));
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const SetBlock& node) {
  OutputCapture capture(*this);
  HEARTH_TRY_VOID(enter(node.scope));
  HEARTH_TRY(flow, run(node.body));
  if (flow != Flow::kOn) return flow;
  Value value = capture.take();
  if (node.filter) {
    HEARTH_TRY(changed, filtered(*node.filter, value));
    value = std::move(changed);
  }
  HEARTH_TRY_VOID(assign(node.target, value));
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const FilterBlock& node) {
  Value value;
  {
    OutputCapture capture(*this);
    HEARTH_TRY_VOID(enter(node.scope));
    HEARTH_TRY(flow, run(node.body));
    if (flow != Flow::kOn) return flow;
    value = capture.take();
  }
  HEARTH_TRY(changed, filtered(*node.filter, value));
  HEARTH_TRY_VOID(write(to_text(changed)));
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const If& node) {
  for (const auto& [condition, body] : node.branches) {
    HEARTH_TRY(value, evaluate(*condition));
    if (value.is_truthy()) return run(body);
  }
  return run(node.otherwise);
}

Result<Interpreter::Flow> Interpreter::run(const With& node) {
  HEARTH_TRY_VOID(enter(node.scope));
  for (size_t i = 0; i < node.targets.size(); ++i) {
    HEARTH_TRY(value, evaluate(*node.values[i]));
    HEARTH_TRY_VOID(assign(node.targets[i], value));
  }
  return run(node.body);
}

Result<Interpreter::Flow> Interpreter::run(const For& node) {
  HEARTH_TRY(iterable, evaluate(*node.iterable));
  if (!node.is_recursive) return repeat(node, activation_, iterable, 0);
  HEARTH_TRY(text, run_recursive_loop(node, activation_, iterable, 0));
  HEARTH_TRY_VOID(write(text.text()));
  return Flow::kOn;
}

Result<Value> Interpreter::run_recursive_loop(const For& loop, Activation* outer, const Value& iterable,
                                              uint32_t depth) {
  HEARTH_TRY_VOID(spend(16 + 4 * uint64_t{loop.slots}));
  OutputCapture capture(*this);
  const ActivationScope scope(*this, outer, loop.slots);
  HEARTH_TRY(flow, repeat(loop, outer, iterable, depth));
  (void)flow;
  return capture.take();
}

// The body's variables are in the current activation, the test's in `outer` (the same one unless the loop is
// recursive).
Result<Interpreter::Flow> Interpreter::repeat(const For& node, Activation* outer, const Value& iterable,
                                              uint32_t depth) {
  HEARTH_TRY(items, iterate(iterable));
  if (node.loop && (node.test || node.is_recursive)) outer->is_referred_to = true;
  const auto loop = std::make_shared<Loop>(node, outer, std::move(items), iterable, depth);
  if (node.loop) activation_->slots[*node.loop] = Value(std::shared_ptr<Object>(loop));
  bool has_run = false;  // an iteration that break or continue cut short does not count, as in Jinja2
  while (true) {
    HEARTH_TRY(more, loop->advance(*this));
    if (!more) break;
    HEARTH_TRY_VOID(enter(node.scope));
    HEARTH_TRY_VOID(assign(node.target, loop->current()));
    HEARTH_TRY(flow, run(node.body));
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kOn) has_run = true;
  }
  if (has_run || !node.has_else) return Flow::kOn;
  HEARTH_TRY_VOID(enter(node.else_scope));
  return run(node.otherwise);
}

Result<bool> Interpreter::passes_test(const For& loop, Activation* activation, const Value& item) {
  Activation* const before = std::exchange(activation_, activation);
  const auto judge = [&]() -> Result<bool> {
    HEARTH_TRY_VOID(enter(loop.test_scope));
    HEARTH_TRY_VOID(assign(loop.test_target, item));
    HEARTH_TRY(value, evaluate(*loop.test));
    return value.is_truthy();
  };
  Result<bool> passes = judge();
  activation_ = before;
  return passes;
}

Result<Interpreter::Flow> Interpreter::run(const MacroDefinition& node) {
  activation_->is_referred_to = true;
  slot(node.ref) = Value(std::shared_ptr<Object>(std::make_shared<Macro>(node.function, node.name, activation_)));
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const CallBlock& node) {
  activation_->is_referred_to = true;
  const auto caller = std::make_shared<Macro>(node.function, "caller", activation_);
  const Call& target = std::get<Call>(node.call->node);
  HEARTH_TRY(callee, evaluate(*target.callee));
  HEARTH_TRY(arguments, evaluate(target.arguments));
  arguments.named.emplace_back("caller", Value(std::shared_ptr<Object>(caller)));
  HEARTH_TRY(value, call(callee, std::move(arguments)));
  HEARTH_TRY_VOID(write(to_text(value)));
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const GenerationBlock& node) {
  HEARTH_TRY(value, invoke(node.function, "generation", activation_, {}));
  HEARTH_TRY_VOID(write(value.text()));
  return Flow::kOn;
}

Result<Interpreter::Flow> Interpreter::run(const Break&) { return Flow::kBreak; }
Result<Interpreter::Flow> Interpreter::run(const Continue&) { return Flow::kContinue; }

Result<Value> Interpreter::invoke(const Function& function, std::string_view name, Activation* outer,
                                  Arguments arguments) {
  HEARTH_TRY_VOID(spend(16 + 4 * uint64_t{function.slots}));
  OutputCapture capture(*this);
  const ActivationScope scope(*this, outer, function.slots);
  HEARTH_TRY_VOID(bind_parameters(function, name, arguments));
  HEARTH_TRY(flow, run(function.body));
  (void)flow;
  return capture.take();
}

// Fills the parameters of the current activation, and enters its scope.
Result<void> Interpreter::bind_parameters(const Function& function, std::string_view name, Arguments& arguments) {
  auto& slots = activation_->slots;
  const size_t count = function.parameters.size(), given = std::min(count, arguments.positional.size());
  std::vector<bool> is_given(count, false);
  const auto take_named = [&](std::string_view wanted) -> std::optional<Value> {
    const auto found =
        std::find_if(arguments.named.begin(), arguments.named.end(), [&](auto& n) { return n.first == wanted; });
    if (found == arguments.named.end()) return std::nullopt;
    Value value = std::move(found->second);
    arguments.named.erase(found);
    return value;
  };
  for (size_t i = 0; i < count; ++i) {
    std::optional<Value> value = i < given ? arguments.positional[i] : take_named(function.parameters[i].name);
    is_given[i] = value.has_value();
    if (value) slots[function.parameters[i].ref.slot] = std::move(*value);
  }
  if (function.caller)
    slots[*function.caller] = take_named("caller").value_or(Value::undefined("no caller defined: use {% call %}"));
  if (function.kwargs) {
    std::vector<DictBody::Entry> rest;
    for (auto& [key, value] : arguments.named) rest.emplace_back(Value(Traced::input(key)), std::move(value));  // perhaps by **
    slots[*function.kwargs] = Value::dict(std::move(rest));
  } else if (!arguments.named.empty()) {
    return refuse("the macro '{}' takes no argument '{}'", name, arguments.named[0].first);
  }
  if (function.varargs) {
    slots[*function.varargs] =
        Value::tuple({arguments.positional.begin() + static_cast<ptrdiff_t>(given), arguments.positional.end()});
  } else if (arguments.positional.size() > count) {
    return refuse("the macro '{}' takes at most {} arguments, not {}", name, count, arguments.positional.size());
  }
  HEARTH_TRY_VOID(enter(function.scope));
  return default_parameters(function, is_given);
}

// What was not given gets its default, which may read the parameters before it.
Result<void> Interpreter::default_parameters(const Function& function, const std::vector<bool>& is_given) {
  const size_t count = function.parameters.size(), required = count - function.defaults.size();
  for (size_t i = 0; i < count; ++i) {
    if (is_given[i]) continue;
    Value& parameter = activation_->slots[function.parameters[i].ref.slot];
    if (i < required) {
      parameter = Value::undefined(fmt::format("parameter '{}' was not provided", function.parameters[i].name));
      continue;
    }
    HEARTH_TRY(value, evaluate(*function.defaults[i - required]));
    parameter = std::move(value);
  }
  return {};
}

}  // namespace hearth::text::jinja
