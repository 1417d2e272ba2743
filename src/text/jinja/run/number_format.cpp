#include "text/jinja/run/number_format.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/jinja/value/characters.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

constexpr int64_t kMaxPrecision = 1000;

// Groups of digits from the right, of three with a comma, of four in other bases.
std::string grouped(const std::string& digits, char separator, size_t group) {
  if (separator == '\0') return digits;
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % group == 0) out += separator;
    out += digits[i];
  }
  return out;
}

Result<Traced> padded(Interpreter& run, Traced body, size_t sign_bytes, const FormatSpec& spec, char default_align) {
  const auto length = static_cast<int64_t>(count_characters(body.bytes()));
  if (length >= spec.width) return body;
  HEARTH_TRY_VOID(run.spend_on_text(static_cast<uint64_t>(spec.width) * spec.fill.size()));
  const char align = spec.align != '\0' ? spec.align : default_align;
  const int64_t missing = spec.width - length, left = align == '>' || align == '=' ? missing
                                                      : align == '^'               ? missing / 2
                                                                                   : 0;
  Traced out;
  if (align == '=') out.append_slice(body, 0, sign_bytes);
  for (int64_t i = 0; i < left; ++i) out.append(spec.fill);
  out.append_slice(body, align == '=' ? sign_bytes : 0, body.size());
  for (int64_t i = left; i < missing; ++i) out.append(spec.fill);
  return out;
}

std::string sign_of(bool negative, const FormatSpec& spec) {
  return negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
}

// Python's 'g' and no type at all keep ".0" or drop trailing zeros unlike printf's only in the details handled here.
std::string float_digits(double magnitude, const FormatSpec& spec) {
  if (std::isnan(magnitude)) return "nan";
  if (std::isinf(magnitude)) return "inf";
  const auto precision = static_cast<int>(spec.precision.value_or(6));
  switch (spec.type) {
    case 'f':
    case 'F': return fmt::format("{:.{}f}", magnitude, precision);
    case '%': return fmt::format("{:.{}f}%", magnitude * 100, precision);
    case 'e':
    case 'E': return fmt::format("{:.{}e}", magnitude, precision);
    case 'g':
    case 'G':
      return spec.alternate ? fmt::format("{:#.{}g}", magnitude, precision)
                            : fmt::format("{:.{}g}", magnitude, precision);
    default: break;
  }
  if (!spec.precision) return float_repr(magnitude);
  std::string digits = fmt::format("{:.{}g}", magnitude, std::max(precision, 1));
  // Without a type, a whole number keeps one digit behind the point, and an exponent starts one place earlier.
  if (digits.find_first_of(".e") == std::string::npos) {
    if (digits.size() >= static_cast<size_t>(std::max(precision, 1)))
      digits = fmt::format("{:.{}e}", magnitude, std::max(precision, 1) - 1);
    else digits += ".0";
  }
  return digits;
}

void to_upper_ascii(std::string& text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
}

}  // namespace

Result<FormatSpec> parse_spec(std::string_view text) {
  FormatSpec spec;
  constexpr std::string_view kAligns = "<>^=";
  const size_t first = text.empty() ? 0 : utf8::decode(text).length;
  if (text.size() > first && kAligns.find(text[first]) != kAligns.npos) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    text.remove_prefix(first + 1);
  } else if (!text.empty() && kAligns.find(text[0]) != kAligns.npos) {
    spec.align = text[0];
    text.remove_prefix(1);
  }
  const auto skip = [&](std::string_view allowed) -> char {
    if (text.empty() || allowed.find(text[0]) == allowed.npos) return '\0';
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  };
  const auto number = [&](int64_t bound) -> Result<std::optional<int64_t>> {
    if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
    int64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || value > bound) return refuse("a width or precision is too large");
    text.remove_prefix(static_cast<size_t>(parsed.ptr - text.data()));
    return value;
  };
  if (const char sign = skip("+- ")) spec.sign = sign;
  spec.alternate = skip("#") != '\0';
  if (skip("0") != '\0' && spec.align == '\0') spec.fill = "0", spec.align = '=';
  HEARTH_TRY(width, number(kMaxFieldWidth));
  spec.width = width.value_or(0);
  spec.grouping = skip(",_");
  if (skip(".") != '\0') {
    HEARTH_TRY(precision, number(kMaxPrecision));
    if (!precision) return refuse("a format spec misses its precision");
    spec.precision = *precision;
  }
  spec.type = skip("bcdeEfFgGnosxX%");
  if (!text.empty()) return refuse("'{}' is no format spec", text);
  return spec;
}

Result<Traced> format_integer(Interpreter& run, int64_t value, const FormatSpec& spec) {
  constexpr std::string_view kFloatTypes = "eEfFgG%";
  if (spec.type != '\0' && kFloatTypes.find(spec.type) != kFloatTypes.npos)
    return format_float(run, static_cast<double>(value), spec);
  if (spec.type == 's' || spec.precision) return refuse("this format spec is not for integers");
  if (spec.type == 'c') {
    if (value < 0 || value > 0x10FFFF) return refuse("{} is no character", value);
    std::string character;
    utf8::append(static_cast<char32_t>(value), character);
    return padded(run, Traced::literal(character), 0, spec, '<');
  }
  const int base = spec.type == 'x' || spec.type == 'X' ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10;
  char buffer[72];
  const uint64_t magnitude = value < 0 ? 0 - static_cast<uint64_t>(value) : static_cast<uint64_t>(value);
  std::string digits(buffer, std::to_chars(buffer, buffer + sizeof buffer, magnitude, base).ptr);
  std::string prefix = sign_of(value < 0, spec);
  if (spec.alternate && base != 10) prefix += base == 16 ? "0x" : base == 8 ? "0o" : "0b";
  digits = grouped(digits, spec.grouping, base == 10 ? 3 : 4);
  if (spec.type == 'X') to_upper_ascii(prefix), to_upper_ascii(digits);
  return padded(run, Traced::literal(prefix + digits), prefix.size(), spec, '>');
}

Result<Traced> format_float(Interpreter& run, double value, const FormatSpec& spec) {
  constexpr std::string_view kTypes = "eEfFgG%n";
  if (spec.type != '\0' && kTypes.find(spec.type) == kTypes.npos) return refuse("this format spec is not for floats");
  const std::string sign = sign_of(std::signbit(value) && !std::isnan(value), spec);
  std::string digits = float_digits(std::abs(value), spec);
  if (spec.grouping != '\0') {
    const size_t whole = std::min(digits.find_first_of(".e%"), digits.size());
    digits = grouped(digits.substr(0, whole), spec.grouping, 3) + digits.substr(whole);
  }
  if (spec.type == 'E' || spec.type == 'F' || spec.type == 'G') to_upper_ascii(digits);
  return padded(run, Traced::literal(sign + digits), sign.size(), spec, '>');
}

Result<Traced> format_text(Interpreter& run, const Traced& text, const FormatSpec& spec) {
  if ((spec.type != 's' && spec.type != '\0') || spec.align == '=' || spec.sign != '-' || spec.alternate ||
      spec.grouping)
    return refuse("this format spec is not for strings");
  Traced body = text;
  if (spec.precision) {
    const std::vector<size_t> offsets = character_offsets(text.bytes());
    body = text.slice(0, offsets[std::min(offsets.size() - 1, static_cast<size_t>(*spec.precision))]);
  }
  return padded(run, std::move(body), 0, spec, '<');
}

}  // namespace hearth::text::jinja
