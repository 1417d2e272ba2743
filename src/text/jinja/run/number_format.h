#pragma once
// A number or a text in a field of some width, with sign, precision and base: what both ways of formatting come to.
#include <optional>
#include <string>

#include "text/jinja/run/interpreter.h"

namespace hearth::text::jinja {

struct FormatSpec {
  std::string fill = " ";  // one character
  char align = '\0';       // < > ^ =, or none
  char sign = '-';         // + - or space
  bool alternate = false;  // 0x and the like
  char grouping = '\0';    // , or _
  int64_t width = 0;
  std::optional<int64_t> precision;
  char type = '\0';
};

// Errors: what no format spec looks like, or a width or precision beyond the bounds.
Result<FormatSpec> parse_spec(std::string_view spec);
Result<Traced> format_integer(Interpreter& run, int64_t value, const FormatSpec& spec);
Result<Traced> format_float(Interpreter& run, double value, const FormatSpec& spec);
Result<Traced> format_text(Interpreter& run, const Traced& text, const FormatSpec& spec);

constexpr int64_t kMaxFieldWidth = 1'000'000;

}  // namespace hearth::text::jinja
