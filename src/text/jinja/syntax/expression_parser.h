#pragma once
// Expressions: the half of the parser that knows precedences. The statement parser derives from it.
#include <array>
#include <string_view>
#include <vector>

#include "text/jinja/syntax/ast.h"
#include "text/jinja/syntax/lexer.h"

namespace hearth::text::jinja {

class ExpressionParser {
 protected:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& next() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  Token take();  // the current token; moves on
  bool skip_name(std::string_view name);
  bool skip_operator(std::string_view op);
  Result<void> expect_operator(std::string_view op);
  Result<void> expect(TokenKind kind, std::string_view described);
  Result<std::string> expect_name();
  Failure unexpected(std::string_view wanted) const;

  Result<ExprPtr> expression(bool with_conditional = true);
  // Expressions separated by commas: a tuple, or the one expression. `end_name` also ends it; `may_be_empty` in ().
  Result<ExprPtr> tuple(bool with_conditional = true, std::string_view end_name = {}, bool may_be_empty = false);
  Result<ExprPtr> primary();
  // Filters behind `subject`, which may be null; `inline_start`: the first stands without its "|".
  Result<ExprPtr> filters(ExprPtr subject, bool inline_start);

 private:
  Result<ExprPtr> conditional();
  Result<ExprPtr> or_expression();
  Result<ExprPtr> and_expression();
  Result<ExprPtr> not_expression();
  Result<ExprPtr> comparison();
  Result<ExprPtr> sum();
  Result<ExprPtr> concatenation();
  Result<ExprPtr> product();
  Result<ExprPtr> power();
  Result<ExprPtr> unary(bool with_filter);
  Result<ExprPtr> postfix(ExprPtr node);
  Result<ExprPtr> postfix_filters(ExprPtr node);
  Result<ExprPtr> subscript(ExprPtr object);
  Result<ExprPtr> bracketed(ExprPtr object, uint32_t line);
  Result<ExprPtr> test(ExprPtr subject);
  Result<ExprPtr> list_display();
  Result<ExprPtr> dict_display();
  Result<CallArguments> call_arguments();
  Result<void> one_argument(CallArguments& arguments, uint32_t line);
  Result<std::string> dotted_name();
  Result<ExprPtr> left_associative(Result<ExprPtr> (ExpressionParser::*operand)(),
                                   std::initializer_list<std::pair<std::string_view, BinaryOp>> ops);
  // The finished node with its depth. Errors: nested too deeply.
  template <class Node>
  Result<ExprPtr> make(uint32_t line, Node node);

  std::vector<Token> tokens_;
  size_t at_ = 0;

 protected:
  // Counts the levels of recursion of the parser itself.
  struct Level {
    explicit Level(uint32_t& depth) : depth_(depth) { ++depth_; }
    ~Level() { --depth_; }
    uint32_t& depth_;
  };
  uint32_t depth_ = 0;
};

}  // namespace hearth::text::jinja
