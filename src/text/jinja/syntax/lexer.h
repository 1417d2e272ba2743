#pragma once
// Template source to tokens, with Jinja2's white space rules under trim_blocks and lstrip_blocks.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text::jinja {

enum class TokenKind : uint8_t {
  kText,  // text between tags
  kBlockBegin,
  kBlockEnd,
  kVariableBegin,
  kVariableEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,  // text is the operator itself
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  uint32_t line = 1;
  std::string text;  // plain text, names, unescaped strings, operators
  int64_t integer = 0;
  double number = 0;

  bool is_operator(std::string_view op) const { return kind == TokenKind::kOperator && text == op; }
  bool is_name(std::string_view name) const { return kind == TokenKind::kName && text == name; }
  std::string describe() const;  // for error sentences
};

// Errors: kBadFile with the line. The result ends with a kEnd token.
Result<std::vector<Token>> tokenize(std::string_view source);

// An error of the template's source, at a line.
Failure bad_template(uint32_t line, std::string message);

}  // namespace hearth::text::jinja
