// Filters on numbers: int, float, abs, round, sum, filesizeformat.
#include <charconv>
#include <cmath>

#include "text/jinja/filters/filters.h"
#include "text/jinja/run/operators.h"
#include "text/jinja/value/characters.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

// The text of a number as int() and float() take it: without white space around and single underscores inside.
std::optional<std::string> number_text(std::string_view text) {
  const auto [begin, end] = strip_bounds(text, true, true);
  std::string out;
  for (size_t i = begin; i < end; ++i) {
    const auto is_digit = [&](size_t at) {
      return at >= begin && at < end && std::isalnum(static_cast<unsigned char>(text[at]));
    };
    if (text[i] != '_') out += text[i];
    else if (!is_digit(i - 1) || !is_digit(i + 1)) return std::nullopt;
  }
  return out;
}

std::optional<double> parse_float(std::string_view text) {
  const auto clean = number_text(text);
  if (!clean || clean->empty()) return std::nullopt;
  std::string_view digits = *clean;
  const bool negative = digits[0] == '-';
  if (negative || digits[0] == '+') digits.remove_prefix(1);
  std::string word = to_lower(digits);
  if (word == "inf" || word == "infinity") return negative ? -HUGE_VAL : HUGE_VAL;
  if (word == "nan") return NAN;
  if (digits.empty() || !(std::isdigit(static_cast<unsigned char>(digits[0])) || digits[0] == '.')) return std::nullopt;
  double value = 0;
  auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  if (parsed.ec == std::errc::result_out_of_range) value = std::strtod(std::string(digits).c_str(), nullptr);
  else if (parsed.ec != std::errc()) return std::nullopt;
  return negative ? -value : value;
}

enum class IntegerParse { kDone, kNoInteger, kTooLarge };

IntegerParse parse_integer(std::string_view text, int64_t base, int64_t& value) {
  const auto clean = number_text(text);
  if (!clean || clean->empty() || base < 0 || base == 1 || base > 36) return IntegerParse::kNoInteger;
  std::string digits = to_lower(*clean);
  const bool negative = digits[0] == '-';
  if (negative || digits[0] == '+') digits.erase(0, 1);
  const char letter = digits.size() > 2 && digits[0] == '0' ? digits[1] : '\0';
  const int64_t prefixed = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
  if (prefixed != 0 && (base == 0 || base == prefixed)) digits.erase(0, 2), base = prefixed;
  if (base == 0) base = 10;
  if (digits.empty() || digits[0] == '-' || digits[0] == '+') return IntegerParse::kNoInteger;
  if (negative) digits.insert(0, "-");
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, static_cast<int>(base));
  if (parsed.ptr != digits.data() + digits.size()) return IntegerParse::kNoInteger;
  return parsed.ec == std::errc()                      ? IntegerParse::kDone
         : parsed.ec == std::errc::result_out_of_range ? IntegerParse::kTooLarge
                                                       : IntegerParse::kNoInteger;
}

// int() of a float. Nothing: Python gives the default (infinite, or no number).
Result<std::optional<Value>> truncated(double number) {
  if (!std::isfinite(number)) return std::nullopt;
  if (!(std::abs(number) < 0x1p63)) return refuse("a number does not fit 64 bits");
  return Value(static_cast<int64_t>(number));
}

Result<Value> to_integer(Interpreter&, const Value& subject, const Bound& arguments) {
  const Value fallback = arguments.value_or(0, Value(int64_t{0}));
  HEARTH_TRY(base, arguments.integer_or(1, 10));
  if (subject.is_undefined()) return refuse(subject.undefined_reason());
  if (subject.is_int()) return subject;
  if (subject.is_bool()) return Value(subject.integer());
  std::optional<double> number;
  if (subject.is_float()) {
    if (std::isinf(subject.number()))
      return refuse("an infinite number has no integer");  // int() raises, and so does Jinja2
    number = subject.number();
  } else if (subject.is_string()) {
    int64_t value = 0;
    const IntegerParse outcome = parse_integer(subject.bytes(), base, value);
    if (outcome == IntegerParse::kDone) return Value(value);
    if (outcome == IntegerParse::kTooLarge) return refuse("a number does not fit 64 bits");
    number = parse_float(subject.bytes());
  }
  if (!number) return fallback;
  HEARTH_TRY(whole, truncated(*number));
  return whole ? *whole : fallback;
}

Result<Value> to_float(Interpreter&, const Value& subject, const Bound& arguments) {
  if (subject.is_undefined()) return refuse(subject.undefined_reason());
  if (subject.is_number()) return Value(subject.number());
  if (subject.is_string())
    if (const auto number = parse_float(subject.bytes())) return Value(*number);
  return arguments.value_or(0, Value(0.0));
}

Result<Value> absolute(Interpreter&, const Value& subject, const Bound&) {
  if (subject.is_undefined()) return refuse(subject.undefined_reason());
  if (!subject.is_number()) return refuse("'abs' wants a number, not a value of type {}", subject.type_name());
  if (subject.is_float()) return Value(std::abs(subject.number()));
  return unary(subject.number() < 0 ? UnaryOp::kNegate : UnaryOp::kPlus, subject);
}

// Python's round(): half to even in decimal, exactly, which correctly rounded printing gives.
double rounded(double value, int64_t precision) {
  if (!std::isfinite(value) || precision > 330) return value;
  if (precision >= 0) return std::strtod(fmt::format("{:.{}f}", value, precision).c_str(), nullptr);
  if (precision < -330) return std::copysign(0.0, value);
  const double unit = std::pow(10.0, static_cast<double>(-precision));
  return std::nearbyint(value / unit) * unit;
}

Result<Value> rounded_integer(int64_t value, int64_t precision) {
  if (precision >= 0) return Value(value);
  if (precision < -18) return Value(int64_t{0});
  int64_t unit = 1;
  for (int64_t i = 0; i < -precision; ++i) unit *= 10;
  int64_t quotient = value / unit;
  const int64_t rest = std::abs(value % unit), half = unit / 2;
  if (rest > half || (rest == half && quotient % 2 != 0)) quotient += value < 0 ? -1 : 1;
  int64_t product = 0;
  if (__builtin_mul_overflow(quotient, unit, &product)) return refuse("a number does not fit 64 bits");
  return Value(product);
}

Result<Value> round(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(precision, arguments.integer_or(0, 0));
  HEARTH_TRY(method, arguments.text_or(1, "common"));
  const std::string& how = method.bytes();
  if (how != "common" && how != "ceil" && how != "floor") return refuse("'round' knows common, ceil and floor");
  if (subject.is_undefined()) return refuse(subject.undefined_reason());
  if (!subject.is_number()) return refuse("'round' wants a number, not a value of type {}", subject.type_name());
  if (how == "common" && subject.is_float()) return Value(rounded(subject.number(), precision));
  if (how == "common" && subject.is_integral()) return rounded_integer(subject.integer(), precision);
  if (how == "common") return precision >= 0 ? Result<Value>(subject) : refuse("a number does not fit 64 bits");
  HEARTH_TRY(unit, binary(run, BinaryOp::kPower, Value(int64_t{10}), Value(precision)));
  const double scaled = subject.number() * unit.number(),
               whole = how == "ceil" ? std::ceil(scaled) : std::floor(scaled);
  HEARTH_TRY(integer, truncated(whole));
  if (!integer) return refuse("a number without end cannot be rounded");
  return binary(run, BinaryOp::kDivide, *integer, unit);
}

Result<Value> sum(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(items, run.collect(subject));
  Value total = arguments.value_or(1, Value(int64_t{0}));
  if (total.is_string()) return refuse("'sum' does not join strings");
  for (const Value& item : items) {
    Value value = item;
    if (arguments.has_value(0)) {
      HEARTH_TRY(found, attribute_path(run, item, arguments[0]));
      value = std::move(found);
    }
    HEARTH_TRY(next, binary(run, BinaryOp::kAdd, total, value));
    total = std::move(next);
  }
  return total;
}

Result<Value> file_size(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(value, to_float(run, subject, Bound({Value::none()})));
  if (value.is_none()) return refuse("'filesizeformat' wants a number");
  const bool binary_units = arguments.truthy_or(0, false);
  const double base = binary_units ? 1024 : 1000, bytes = value.number();
  if (bytes == 1) return Value::literal("1 Byte");
  if (bytes < base) return Value::literal(fmt::format("{:.0f} Bytes", bytes));
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  double unit = base;
  size_t i = 0;
  while (i + 1 < kPrefixes.size() && bytes >= unit * base) unit *= base, ++i;
  const char prefix = binary_units && i == 0 ? 'K' : kPrefixes[i];
  return Value::literal(fmt::format("{:.1f} {}{}B", bytes / unit, prefix, binary_units ? "i" : ""));
}

constexpr Filter kFilters[] = {
    {"int", {{"default", "base"}, 0}, &to_integer},
    {"float", {{"default"}, 0}, &to_float},
    {"abs", {}, &absolute},
    {"round", {{"precision", "method"}, 0}, &round},
    {"sum", {{"attribute", "start"}, 0}, &sum},
    {"filesizeformat", {{"binary"}, 0}, &file_size},
};

}  // namespace

std::span<const Filter> number_filters() { return kFilters; }

}  // namespace hearth::text::jinja
