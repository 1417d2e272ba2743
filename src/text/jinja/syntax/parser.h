#pragma once
// Tokens to the syntax tree, by recursive descent with Jinja2's precedences; depth is bounded.
#include <string_view>

#include "text/jinja/syntax/ast.h"

namespace hearth::text::jinja {

// Parses and resolves names. Errors: kBadFile with the line and what was expected; kUnsupported for import, include,
// extends and block.
Result<Tree> parse(std::string_view source);

}  // namespace hearth::text::jinja
