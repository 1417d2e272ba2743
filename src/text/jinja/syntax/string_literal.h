#pragma once
// The inside of a quoted string, with Python's escapes, to its characters.
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::text::jinja {

// Errors: a truncated \x, \u or \U escape, a code point that is none, \N{name}.
Result<std::string> unescape(std::string_view literal);

}  // namespace hearth::text::jinja
