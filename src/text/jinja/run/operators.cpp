#include "text/jinja/run/operators.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "text/jinja/run/format.h"
#include "text/jinja/run/objects.h"
#include "text/jinja/value/characters.h"
#include "text/jinja/value/markup.h"

namespace hearth::text::jinja {

namespace {

constexpr std::string_view kSymbols[] = {"+", "-", "*", "/", "//", "%", "**"};

Failure no_operator(BinaryOp op, const Value& left, const Value& right) {
  if (left.is_undefined()) return refuse(left.undefined_reason());
  if (right.is_undefined()) return refuse(right.undefined_reason());
  return refuse("'{}' is not defined between {} and {}", kSymbols[static_cast<size_t>(op)], left.type_name(),
                right.type_name());
}

Failure overflow() { return refuse("a number does not fit 64 bits"); }
Failure zero_division() { return refuse("division by zero"); }

Result<Value> integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) return zero_division();
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  int64_t result = 1;
  while (exponent > 0) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return overflow();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return overflow();
  }
  return Value(result);
}

// Python rounds quotients down and gives remainders the sign of the divisor.
Result<Value> integer_divide(BinaryOp op, int64_t a, int64_t b) {
  if (b == 0) return zero_division();
  if (b == -1) {
    if (op == BinaryOp::kModulo) return Value(int64_t{0});
    return a == INT64_MIN ? Result<Value>(overflow()) : Result<Value>(Value(-a));
  }
  const int64_t quotient = a / b, remainder = a % b;
  const bool adjust = remainder != 0 && (remainder < 0) != (b < 0);
  if (op == BinaryOp::kModulo) return Value(adjust ? remainder + b : remainder);
  return Value(adjust ? quotient - 1 : quotient);
}

Result<Value> integer_operation(BinaryOp op, int64_t a, int64_t b) {
  int64_t result = 0;
  switch (op) {
    case BinaryOp::kAdd:
      return __builtin_add_overflow(a, b, &result) ? Result<Value>(overflow()) : Result<Value>(Value(result));
    case BinaryOp::kSubtract:
      return __builtin_sub_overflow(a, b, &result) ? Result<Value>(overflow()) : Result<Value>(Value(result));
    case BinaryOp::kMultiply:
      return __builtin_mul_overflow(a, b, &result) ? Result<Value>(overflow()) : Result<Value>(Value(result));
    case BinaryOp::kDivide:
      if (b == 0) return zero_division();
      return Value(static_cast<double>(a) / static_cast<double>(b));
    case BinaryOp::kFloorDivide:
    case BinaryOp::kModulo: return integer_divide(op, a, b);
    case BinaryOp::kPower: return integer_power(a, b);
  }
  return overflow();
}

double floor_modulo(double a, double b) {
  double remainder = std::fmod(a, b);
  if (remainder == 0) return std::copysign(0.0, b);
  if ((remainder < 0) != (b < 0)) remainder += b;
  return remainder;
}

// The floor of a / b, from the remainder so that it agrees with it, rounded to the nearest whole number.
double floor_quotient(double a, double b) {
  const double quotient = (a - floor_modulo(a, b)) / b;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double floored = std::floor(quotient);
  return quotient - floored > 0.5 ? floored + 1 : floored;
}

Result<Value> float_operation(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::kAdd: return Value(a + b);
    case BinaryOp::kSubtract: return Value(a - b);
    case BinaryOp::kMultiply: return Value(a * b);
    case BinaryOp::kPower: {
      if (a == 0 && b < 0) return zero_division();
      if (a < 0 && std::floor(b) != b && std::isfinite(b)) return refuse("complex numbers are not supported");
      const double power = std::pow(a, b);
      if (std::isinf(power) && std::isfinite(a) && std::isfinite(b)) return refuse("a number is too large");
      return Value(power);
    }
    case BinaryOp::kDivide:
    case BinaryOp::kFloorDivide:
    case BinaryOp::kModulo: break;
  }
  if (b == 0) return zero_division();
  return Value(op == BinaryOp::kDivide ? a / b : op == BinaryOp::kModulo ? floor_modulo(a, b) : floor_quotient(a, b));
}

Result<Value> join_strings(Interpreter& run, const Value& left, const Value& right) {
  HEARTH_TRY_VOID(run.spend_on_text(left.bytes().size() + right.bytes().size()));
  const bool markup = left.is_markup() || right.is_markup();
  Traced text = markup && !left.is_markup() ? escape_html(left.text()) : left.text();
  text.append(markup && !right.is_markup() ? escape_html(right.text()) : right.text());
  return Value(std::move(text), markup);
}

Result<Value> join_lists(Interpreter& run, const Value& left, const Value& right) {
  HEARTH_TRY_VOID(run.spend(left.items().size() + right.items().size()));
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  return left.is_list() ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

Result<Value> repeat_value(Interpreter& run, const Value& what, int64_t times) {
  const auto count = static_cast<uint64_t>(std::max<int64_t>(times, 0));
  const uint64_t size = what.is_string() ? what.bytes().size() : what.items().size();
  uint64_t total = 0;
  if (__builtin_mul_overflow(count, size, &total) || total > (what.is_string() ? kMaxTextBytes : kMaxValueWeight))
    return refuse("repeating a value {} times makes it too large", count);
  HEARTH_TRY_VOID(what.is_string() ? run.spend_on_text(total) : run.spend(total));
  if (what.is_string()) {
    Traced text;
    for (uint64_t i = 0; i < count && size > 0; ++i) text.append(what.text());
    return Value(std::move(text), what.is_markup());
  }
  std::vector<Value> items;
  items.reserve(total);
  for (uint64_t i = 0; i < count && size > 0; ++i) items.insert(items.end(), what.items().begin(), what.items().end());
  return what.is_list() ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

bool is_repeatable(const Value& v) { return v.is_string() || v.is_list() || v.is_tuple(); }

Result<bool> contains_key(const DictBody& dict, const Value& key) {
  if (!key.is_hashable()) return refuse("a value of type {} cannot be a key", key.type_name());
  return dict.find(key) != nullptr;
}

class SequenceIterator final : public Iterator {
 public:
  explicit SequenceIterator(Value sequence) : sequence_(std::move(sequence)) {}
  Result<std::optional<Value>> next(Interpreter&) override {
    if (at_ == sequence_.items().size()) return std::nullopt;
    return sequence_.items()[at_++];
  }

 private:
  Value sequence_;
  size_t at_ = 0;
};

class CharacterIterator final : public Iterator {
 public:
  explicit CharacterIterator(Value string) : string_(std::move(string)) {}
  Result<std::optional<Value>> next(Interpreter& run) override {
    const Traced& text = string_.text();
    if (at_ == text.size()) return std::nullopt;
    HEARTH_TRY_VOID(run.spend(4));  // a string for one character takes about 120 bytes
    const size_t begin = at_;
    at_ += utf8::decode(std::string_view(text.bytes()).substr(at_)).length;
    return Value(text.slice(begin, at_));
  }

 private:
  Value string_;
  size_t at_ = 0;
};

// Python's slice.indices(): where the walk begins and ends, how far it steps, how many items it takes.
struct Walk {
  int64_t start = 0, stop = 0, step = 1;
  size_t count = 0;
};

Result<std::optional<int64_t>> bound_of(const Value& value) {
  if (value.is_none()) return std::nullopt;
  if (value.is_undefined()) return refuse("slice bounds must be integers: {}", value.undefined_reason());
  if (!value.is_integral()) return refuse("slice bounds must be integers, not {}", value.type_name());
  return value.integer();
}

Result<Walk> walk_of(size_t size, const Value& start_value, const Value& stop_value, const Value& step_value) {
  HEARTH_TRY(start, bound_of(start_value));
  HEARTH_TRY(stop, bound_of(stop_value));
  HEARTH_TRY(given_step, bound_of(step_value));
  const int64_t step = std::max(given_step.value_or(1), -INT64_MAX), length = static_cast<int64_t>(size);
  if (step == 0) return refuse("a slice cannot have a step of zero");
  const int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? length : length - 1;
  const auto clamp = [&](std::optional<int64_t> bound, int64_t fallback) {
    if (!bound) return fallback;
    return std::clamp(*bound < 0 ? *bound + length : *bound, lowest, highest);
  };
  const int64_t from = clamp(start, step > 0 ? lowest : highest), to = clamp(stop, step > 0 ? highest : lowest);
  const int64_t distance = step > 0 ? to - from : from - to, stride = step > 0 ? step : -step;
  return Walk{from, to, step, distance <= 0 ? 0 : static_cast<size_t>((distance - 1) / stride + 1)};
}

Value slice_text(const Value& string, const Walk& walk) {
  const Traced& text = string.text();
  const bool bytewise = is_ascii(text.bytes());
  const std::vector<size_t> offsets = bytewise ? std::vector<size_t>() : character_offsets(text.bytes());
  const auto offset = [&](size_t i) { return bytewise ? i : offsets[i]; };
  const auto start = static_cast<size_t>(walk.start);
  if (walk.count == 0) return Value(Traced(), string.is_markup());
  if (walk.step == 1) return Value(text.slice(offset(start), offset(start + walk.count)), string.is_markup());
  Traced out;
  for (size_t i = 0; i < walk.count; ++i) {
    const auto at = static_cast<size_t>(walk.start + static_cast<int64_t>(i) * walk.step);
    out.append_slice(text, offset(at), offset(at + 1));
  }
  return Value(std::move(out), string.is_markup());
}

}  // namespace

Result<Value> unary(UnaryOp op, const Value& operand) {
  if (op == UnaryOp::kNot) return Value(!operand.is_truthy());
  if (operand.is_undefined()) return refuse(operand.undefined_reason());
  if (!operand.is_number()) return refuse("a value of type {} has no sign", operand.type_name());
  if (operand.is_float()) return Value(op == UnaryOp::kNegate ? -operand.number() : operand.number());
  if (op == UnaryOp::kPlus) return operand.is_bool() ? Value(operand.integer()) : operand;
  if (operand.is_big_int()) return overflow();
  return integer_operation(BinaryOp::kSubtract, 0, operand.integer());
}

Result<Value> binary(Interpreter& run, BinaryOp op, const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) return integer_operation(op, left.integer(), right.integer());
  if (left.is_number() && right.is_number()) {
    if (left.is_big_int() || right.is_big_int()) return overflow();
    return float_operation(op, left.number(), right.number());
  }
  if (op == BinaryOp::kAdd) {
    if (left.is_string() && right.is_string()) return join_strings(run, left, right);
    if ((left.is_list() && right.is_list()) || (left.is_tuple() && right.is_tuple()))
      return join_lists(run, left, right);
  }
  if (op == BinaryOp::kMultiply) {
    if (is_repeatable(left) && right.is_integral()) return repeat_value(run, left, right.integer());
    if (is_repeatable(right) && left.is_integral()) return repeat_value(run, right, left.integer());
  }
  if (op == BinaryOp::kModulo && left.is_string()) return format_percent(run, left, right);
  return no_operator(op, left, right);
}

Result<bool> compare(Interpreter& run, CompareOp op, const Value& left, const Value& right) {
  if (op == CompareOp::kIn || op == CompareOp::kNotIn) {
    HEARTH_TRY(inside, contains(run, right, left));
    return inside == (op == CompareOp::kIn);
  }
  HEARTH_TRY_VOID(run.spend(std::min(left.extent().weight, right.extent().weight)));
  switch (op) {
    case CompareOp::kEqual: return equal(left, right);
    case CompareOp::kNotEqual: return !equal(left, right);
    case CompareOp::kLess: return less(left, right);
    case CompareOp::kGreater: return less(right, left);
    default: break;  // <= and >=
  }
  const Value &low = op == CompareOp::kLessEqual ? left : right, &high = op == CompareOp::kLessEqual ? right : left;
  HEARTH_TRY(below, less(low, high));
  return below || equal(low, high);
}

Result<bool> contains(Interpreter& run, const Value& container, const Value& item) {
  if (container.is_string()) {
    if (item.is_undefined()) return refuse(item.undefined_reason());
    if (!item.is_string()) return refuse("'in' a string needs a string, not {}", item.type_name());
    HEARTH_TRY_VOID(run.spend(container.bytes().size() / 16));
    return find_text(container.bytes(), item.bytes()) != std::string::npos;
  }
  if (container.is_dict()) return contains_key(container.dict(), item);
  if (const DictView* view = container.as<DictView>())
    if (const auto found = view->has_key(item)) return *found;
  HEARTH_TRY(items, run.iterate(container));
  while (true) {
    HEARTH_TRY(candidate, items->next(run));
    if (!candidate) return false;
    HEARTH_TRY_VOID(run.spend(std::min(candidate->extent().weight, item.extent().weight)));
    if (equal(*candidate, item)) return true;
  }
}

Result<Value> slice(Interpreter& run, const Value& object, const Value& start, const Value& stop, const Value& step) {
  if (object.is_undefined()) return refuse(object.undefined_reason());
  const Range* range = object.as<Range>();
  if (!is_repeatable(object) && range == nullptr)
    return refuse("a value of type {} cannot be sliced", object.type_name());
  HEARTH_TRY(walk, walk_of(*object.length(), start, stop, step));
  if (range != nullptr) return range->slice(walk.start, walk.stop, walk.step, walk.count);
  if (object.is_string()) {
    HEARTH_TRY_VOID(run.spend(object.bytes().size() / 16));
    return slice_text(object, walk);
  }
  HEARTH_TRY_VOID(run.spend(walk.count));
  std::vector<Value> items;
  items.reserve(walk.count);
  for (size_t i = 0; i < walk.count; ++i)
    items.push_back(object.items()[static_cast<size_t>(walk.start + static_cast<int64_t>(i) * walk.step)]);
  return object.is_list() ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

std::optional<Value> indexed(const Value& object, int64_t i) {
  if (!is_repeatable(object)) return std::nullopt;
  const auto length = static_cast<int64_t>(*object.length());
  if (i < 0) i += length;
  if (i < 0 || i >= length) return std::nullopt;
  if (object.is_string()) return slice_text(object, {i, i + 1, 1, 1});
  return object.items()[static_cast<size_t>(i)];
}

Result<Value> make_dict(Interpreter& run, std::vector<DictBody::Entry> entries) {
  uint64_t weight = 0;
  for (const auto& [key, value] : entries) {
    if (!key.is_hashable()) return refuse("a value of type {} cannot be a key", key.type_name());
    weight += key.extent().weight;
  }
  HEARTH_TRY_VOID(run.spend(4 * weight));
  return Value::dict(std::move(entries));
}

IteratorPtr iterate_sequence(const Value& list_or_tuple) { return std::make_unique<SequenceIterator>(list_or_tuple); }
IteratorPtr iterate_characters(const Value& string) { return std::make_unique<CharacterIterator>(string); }

}  // namespace hearth::text::jinja
