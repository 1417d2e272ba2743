#pragma once
// Values to text: Python's str() and repr(), and json.dumps as the tojson filter calls it.
#include <string>

#include "text/jinja/value/value.h"

namespace hearth::text::jinja {

std::string float_repr(double number);   // shortest digits that read back the same: 0.1, 1e+16, inf
Traced string_repr(const Traced& text);  // quoted as Python quotes
Traced to_text(const Value& value);      // str()
Traced to_repr(const Value& value);      // repr()

struct JsonStyle {
  bool ensure_ascii = false, sort_keys = false;
  std::optional<std::string> indent;  // what one level is indented by; none: on one line
  std::string item_separator = ", ", key_separator = ": ";
};
// Errors: a value or a key that JSON does not know.
Result<Traced> to_json(const Value& value, const JsonStyle& style);

}  // namespace hearth::text::jinja
