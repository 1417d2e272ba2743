#include "text/jinja/run/predicates.h"

#include <algorithm>

#include "text/jinja/filters/filters.h"
#include "text/jinja/run/objects.h"
#include "text/jinja/run/operators.h"
#include "text/jinja/value/characters.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

using Held = Result<bool>;

Result<bool> remainder_is(Interpreter& run, const Value& value, const Value& divisor, int64_t wanted) {
  HEARTH_TRY(remainder, binary(run, BinaryOp::kModulo, value, divisor));
  return equal(remainder, Value(wanted));
}

// Whether two values are one object; equal scalars of one type are, as far as a template can tell.
bool same(const Value& a, const Value& b) {
  if (a.variant().index() != b.variant().index()) return false;
  if (a.is_object()) return &a.object() == &b.object();
  if (a.is_dict()) return &a.dict() == &b.dict();
  if (a.is_list() || a.is_tuple()) return &a.items() == &b.items();
  return equal(a, b);
}

bool is_iterable(const Value& v) {
  if (v.is_object()) return v.as<Loop>() != nullptr || v.object().iterate() != nullptr;
  return !v.is_none() && !v.is_number();
}

bool is_sequence(const Value& v) { return v.is_object() ? v.object().is_sequence() : is_iterable(v); }
bool is_callable(const Value& v) { return v.is_undefined() || (v.is_object() && v.object().is_callable()); }

template <CompareOp op>
Held compares(Interpreter& run, const Value& a, const Value& b) {
  return compare(run, op, a, b);
}

constexpr Predicate kPredicates[] = {
    {"defined", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return !v.is_undefined(); }},
    {"undefined", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_undefined(); }},
    {"none", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_none(); }},
    {"boolean", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_bool(); }},
    {"true", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_bool() && v.boolean(); }},
    {"false", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_bool() && !v.boolean(); }},
    {"integer", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_int(); }},
    {"float", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_float(); }},
    {"number", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_number(); }},
    {"string", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_string(); }},
    {"mapping", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_dict(); }},
    {"sequence", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return is_sequence(v); }},
    {"iterable", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return is_iterable(v); }},
    {"callable", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return is_callable(v); }},
    {"escaped", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return v.is_markup(); }},
    {"lower", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return is_lower(to_text(v).bytes()); }},
    {"upper", 0, [](Interpreter&, const Value& v, const Value&) -> Held { return is_upper(to_text(v).bytes()); }},
    {"odd", 0,
     [](Interpreter& run, const Value& v, const Value&) { return remainder_is(run, v, Value(int64_t{2}), 1); }},
    {"even", 0,
     [](Interpreter& run, const Value& v, const Value&) { return remainder_is(run, v, Value(int64_t{2}), 0); }},
    {"divisibleby", 1, [](Interpreter& run, const Value& v, const Value& by) { return remainder_is(run, v, by, 0); }},
    {"sameas", 1, [](Interpreter&, const Value& v, const Value& other) -> Held { return same(v, other); }},
    {"in", 1, [](Interpreter& run, const Value& v, const Value& container) { return contains(run, container, v); }},
    {"filter", 0,
     [](Interpreter&, const Value& v, const Value&) -> Held {
       return v.is_string() && find_filter(v.bytes()) != nullptr;
     }},
    {"test", 0,
     [](Interpreter&, const Value& v, const Value&) -> Held {
       return v.is_string() && find_predicate(v.bytes()) != nullptr;
     }},
    {"==", 1, &compares<CompareOp::kEqual>},
    {"eq", 1, &compares<CompareOp::kEqual>},
    {"equalto", 1, &compares<CompareOp::kEqual>},
    {"!=", 1, &compares<CompareOp::kNotEqual>},
    {"ne", 1, &compares<CompareOp::kNotEqual>},
    {"<", 1, &compares<CompareOp::kLess>},
    {"lt", 1, &compares<CompareOp::kLess>},
    {"lessthan", 1, &compares<CompareOp::kLess>},
    {"<=", 1, &compares<CompareOp::kLessEqual>},
    {"le", 1, &compares<CompareOp::kLessEqual>},
    {">", 1, &compares<CompareOp::kGreater>},
    {"gt", 1, &compares<CompareOp::kGreater>},
    {"greaterthan", 1, &compares<CompareOp::kGreater>},
    {">=", 1, &compares<CompareOp::kGreaterEqual>},
    {"ge", 1, &compares<CompareOp::kGreaterEqual>},
};

}  // namespace

Result<bool> Predicate::apply(Interpreter& run, const Value& subject, Arguments given) const {
  for (auto& [parameter, value] : given.named) given.positional.push_back(std::move(value));
  if (given.positional.size() != arguments)
    return refuse("the test '{}' takes {} arguments, not {}", name, arguments, given.positional.size());
  return holds(run, subject, arguments > 0 ? given.positional[0] : Value());
}

const Predicate* find_predicate(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kPredicates), std::end(kPredicates), [&](const Predicate& p) { return p.name == name; });
  return found != std::end(kPredicates) ? found : nullptr;
}

}  // namespace hearth::text::jinja
