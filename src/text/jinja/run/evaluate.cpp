// Expressions of the interpreter.
#include <algorithm>

#include "text/jinja/filters/filters.h"
#include "text/jinja/methods/methods.h"
#include "text/jinja/run/interpreter.h"
#include "text/jinja/run/objects.h"
#include "text/jinja/run/operators.h"
#include "text/jinja/run/predicates.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

Result<Value> Interpreter::accepted(Result<Value> value, uint32_t line) {
  if (value) {
    const Extent extent = value->extent();
    if (extent.depth <= kMaxValueDepth && extent.weight <= kMaxValueWeight) return value;
    value = refuse("a value is nested too deeply or too large (the bounds are {} levels and {} values)", kMaxValueDepth,
                   kMaxValueWeight);
  }
  if (value.error().where.empty()) value.error().where = fmt::format("chat template line {}", line);
  return value;
}

Result<Value> Interpreter::evaluate(const Expr& expr) {
  Result<void> allowed = spend(1);
  if (allowed && depth_ >= limits_.depth) allowed = refuse("nested more than {} calls deep", limits_.depth);
  if (!allowed) return accepted(std::unexpected(std::move(allowed).error()), expr.line);
  ++depth_;
  Result<Value> value = std::visit([&](const auto& node) { return evaluate(node); }, expr.node);
  --depth_;
  return accepted(std::move(value), expr.line);
}

Result<Value> Interpreter::evaluate(const Name& node) {
  const Value& variable = slot(node.ref);
  const Undefined* missing = std::get_if<Undefined>(&variable.variant());
  return missing != nullptr && !missing->why ? node.if_missing : variable;
}

Result<std::vector<Value>> Interpreter::evaluate_all(const std::vector<ExprPtr>& items) {
  std::vector<Value> values;
  values.reserve(items.size());
  for (const ExprPtr& item : items) {
    HEARTH_TRY(value, evaluate(*item));
    values.push_back(std::move(value));
  }
  return values;
}

Result<Value> Interpreter::evaluate(const TupleDisplay& node) {
  HEARTH_TRY(items, evaluate_all(node.items));
  return Value::tuple(std::move(items));
}

Result<Value> Interpreter::evaluate(const ListDisplay& node) {
  HEARTH_TRY(items, evaluate_all(node.items));
  return Value::list(std::move(items));
}

Result<Value> Interpreter::evaluate(const DictDisplay& node) {
  std::vector<DictBody::Entry> entries;
  for (const auto& [key_node, value_node] : node.entries) {
    HEARTH_TRY(key, evaluate(*key_node));
    HEARTH_TRY(value, evaluate(*value_node));
    entries.emplace_back(std::move(key), std::move(value));
  }
  return make_dict(*this, std::move(entries));
}

Result<Value> Interpreter::evaluate(const GetAttribute& node) {
  HEARTH_TRY(object, evaluate(*node.object));
  return attribute(object, node.name);
}

Result<Value> Interpreter::evaluate(const GetItem& node) {
  HEARTH_TRY(object, evaluate(*node.object));
  HEARTH_TRY(key, evaluate(*node.key));
  return item(object, key);
}

Result<Value> Interpreter::evaluate(const Slice& node) {
  HEARTH_TRY(object, evaluate(*node.object));
  Value bounds[3] = {Value::none(), Value::none(), Value::none()};
  const ExprPtr* nodes[3] = {&node.start, &node.stop, &node.step};
  for (size_t i = 0; i < 3; ++i) {
    if (!*nodes[i]) continue;
    HEARTH_TRY(bound, evaluate(**nodes[i]));
    bounds[i] = std::move(bound);
  }
  return slice(*this, object, bounds[0], bounds[1], bounds[2]);
}

Result<Arguments> Interpreter::evaluate(const CallArguments& node) {
  HEARTH_TRY(positional, evaluate_all(node.positional));
  Arguments arguments{.positional = std::move(positional), .named = {}};
  if (node.more_positional) {
    HEARTH_TRY(value, evaluate(*node.more_positional));
    HEARTH_TRY(more, collect(value));
    std::move(more.begin(), more.end(), std::back_inserter(arguments.positional));
  }
  for (const auto& [name, value_node] : node.named) {
    HEARTH_TRY(value, evaluate(*value_node));
    arguments.named.emplace_back(name, std::move(value));
  }
  if (!node.more_named) return arguments;
  HEARTH_TRY(more, evaluate(*node.more_named));
  if (!more.is_dict()) return refuse("what follows ** must be a mapping, not {}", more.type_name());
  HEARTH_TRY_VOID(spend(more.dict().entries().size() * (1 + node.named.size())));
  for (const auto& [key, value] : more.dict().entries()) {
    if (!key.is_string()) return refuse("keywords must be strings");
    for (const auto& named : node.named)
      if (named.first == key.bytes()) return refuse("the argument '{}' is given twice", named.first);
    arguments.named.emplace_back(key.bytes(), value);
  }
  return arguments;
}

Result<Value> Interpreter::evaluate(const Call& node) {
  HEARTH_TRY(callee, evaluate(*node.callee));
  HEARTH_TRY(arguments, evaluate(node.arguments));
  return call(callee, std::move(arguments));
}

Result<Value> Interpreter::evaluate(const FilterCall& node) {
  Value subject;
  if (node.subject) {
    HEARTH_TRY(value, evaluate(*node.subject));
    subject = std::move(value);
  } else {
    subject = *captured_;
  }
  HEARTH_TRY(arguments, evaluate(node.arguments));
  return apply_filter(node.name, subject, std::move(arguments));
}

Result<Value> Interpreter::filtered(const Expr& filter, const Value& captured) {
  const Value* const before = std::exchange(captured_, &captured);
  Result<Value> value = evaluate(filter);
  captured_ = before;
  return value;
}

Result<Value> Interpreter::evaluate(const TestCall& node) {
  HEARTH_TRY(subject, evaluate(*node.subject));
  HEARTH_TRY(arguments, evaluate(node.arguments));
  HEARTH_TRY(passes, apply_test(node.name, subject, std::move(arguments)));
  return Value(passes);
}

Result<Value> Interpreter::evaluate(const Unary& node) {
  HEARTH_TRY(operand, evaluate(*node.operand));
  return unary(node.op, operand);
}

Result<Value> Interpreter::evaluate(const Binary& node) {
  HEARTH_TRY(left, evaluate(*node.left));
  HEARTH_TRY(right, evaluate(*node.right));
  return binary(*this, node.op, left, right);
}

Result<Value> Interpreter::evaluate(const Logical& node) {
  HEARTH_TRY(left, evaluate(*node.left));
  if (left.is_truthy() != node.is_and) return left;
  return evaluate(*node.right);
}

Result<Value> Interpreter::evaluate(const Concatenation& node) {
  Traced text;
  for (const ExprPtr& part : node.parts) {
    HEARTH_TRY(value, evaluate(*part));
    const Traced printed = to_text(value);
    HEARTH_TRY_VOID(spend_on_text(text.size() + printed.size()));
    text.append(printed);
  }
  return Value(std::move(text));
}

Result<Value> Interpreter::evaluate(const Comparison& node) {
  HEARTH_TRY(left, evaluate(*node.first));
  for (const auto& [op, operand] : node.rest) {
    HEARTH_TRY(right, evaluate(*operand));
    HEARTH_TRY(holds, compare(*this, op, left, right));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Interpreter::evaluate(const Conditional& node) {
  HEARTH_TRY(condition, evaluate(*node.condition));
  if (condition.is_truthy()) return evaluate(*node.then);
  if (node.otherwise) return evaluate(*node.otherwise);
  return Value::undefined("an inline if without else was false and its value was used");
}

Result<Value> Interpreter::call(const Value& callee, Arguments arguments) {
  if (callee.is_undefined()) return refuse(callee.undefined_reason());
  if (!callee.is_object()) return refuse("a value of type {} is not callable", callee.type_name());
  const std::shared_ptr<Object> alive = callee.object_ref();
  HEARTH_TRY(value, alive->call(*this, std::move(arguments)));
  if (value.is_string()) HEARTH_TRY_VOID(spend(value.bytes().size() / 8));
  return value;
}

Result<Value> Interpreter::attribute(const Value& object, std::string_view name) {
  if (object.is_undefined()) return refuse(object.undefined_reason());
  const auto absent = [&] {
    return Value::undefined(fmt::format("'{} object' has no attribute '{}'", object.type_name(), name));
  };
  if (object.is_object()) {
    HEARTH_TRY(found, object.object().attribute(*this, name));
    return found ? *found : absent();
  }
  if (object.is_group() && name == "grouper") return object.items()[0];
  if (object.is_group() && name == "list") return object.items()[1];
  if (const auto method = find_method(object, name)) return *method;
  if (!object.is_dict()) return absent();
  const Value* found = object.dict().find(name);
  return found != nullptr ? *found : absent();
}

Result<Value> Interpreter::item(const Value& object, const Value& key) {
  if (object.is_undefined()) return refuse(object.undefined_reason());
  if (key.is_string()) HEARTH_TRY_VOID(spend(key.bytes().size() / 16));
  if (object.is_dict() && key.is_hashable()) {
    if (const Value* found = object.dict().find(key)) return *found;
  } else if (key.is_integral()) {
    if (object.is_string()) HEARTH_TRY_VOID(spend(object.bytes().size() / 16));  // characters are counted
    if (const auto found = indexed(object, key.integer())) return *found;
  }
  if (object.is_object()) {
    if (const auto found = object.object().item(key)) return *found;
  }
  if (key.is_string() && !object.is_dict()) return attribute(object, key.bytes());
  if (key.is_string()) {
    if (const auto method = find_method(object, key.bytes())) return *method;
  }
  constexpr uint64_t kShownWeight = 16;  // a longer key is told by its type
  const bool is_short = !key.is_list() && !key.is_dict() && key.extent().weight <= kShownWeight;
  return Value::undefined(fmt::format("'{} object' has no element {}", object.type_name(), is_short ? to_repr(key).bytes() : key.type_name()));
}

Result<IteratorPtr> Interpreter::iterate(const Value& value) {
  if (value.is_list() || value.is_tuple()) return iterate_sequence(value);
  if (value.is_string()) return iterate_characters(value);
  if (value.is_undefined()) return iterate_items({});
  if (value.is_dict()) return DictView(value, DictView::Kind::kKeys).iterate();
  IteratorPtr items = value.is_object() ? value.object().iterate() : nullptr;
  if (!items) return refuse("a value of type {} is not iterable", value.type_name());
  return items;
}

Result<std::vector<Value>> Interpreter::collect(const Value& value) {
  if (value.is_list() || value.is_tuple()) {
    HEARTH_TRY_VOID(spend(value.items().size()));
    return value.items();
  }
  HEARTH_TRY(items, iterate(value));
  std::vector<Value> out;
  while (true) {
    HEARTH_TRY(item, items->next(*this));
    if (!item) return out;
    HEARTH_TRY_VOID(spend(1));
    out.push_back(std::move(*item));
  }
}

Result<Value> Interpreter::apply_filter(std::string_view name, const Value& subject, Arguments arguments) {
  const Filter* filter = find_filter(name);
  if (filter == nullptr) return refuse("no filter is named '{}'", name);
  if (subject.is_string()) HEARTH_TRY_VOID(spend(subject.bytes().size() / 16));
  HEARTH_TRY(value, filter->apply(*this, subject, std::move(arguments)));
  if (value.is_string()) HEARTH_TRY_VOID(spend(value.bytes().size() / 8));
  return value;
}

Result<bool> Interpreter::apply_test(std::string_view name, const Value& subject, Arguments arguments) {
  const Predicate* predicate = find_predicate(name);
  if (predicate == nullptr) return refuse("no test is named '{}'", name);
  HEARTH_TRY_VOID(spend(subject.extent().weight));
  return predicate->apply(*this, subject, std::move(arguments));
}

}  // namespace hearth::text::jinja
