#include "text/jinja/syntax/expression_parser.h"

#include <algorithm>

namespace hearth::text::jinja {

namespace {

uint32_t depth_of(const ExprPtr& e) { return e ? e->depth : 0; }
uint32_t depth_of(const CallArguments& a);
template <class A, class B>
uint32_t depth_of(const std::pair<A, B>& p);

template <class T>
uint32_t depth_of(const std::vector<T>& items) {
  uint32_t depth = 0;
  for (const T& item : items) depth = std::max(depth, depth_of(item));
  return depth;
}

template <class T>
uint32_t depth_of(const T&) {
  return 0;
}  // the other half of a pair: a name, an operator
template <class A, class B>
uint32_t depth_of(const std::pair<A, B>& p) {
  return std::max(depth_of(p.first), depth_of(p.second));
}

uint32_t depth_of(const CallArguments& a) {
  return std::max({depth_of(a.positional), depth_of(a.named), depth_of(a.more_positional), depth_of(a.more_named)});
}

uint32_t child_depth(const Constant&) { return 0; }
uint32_t child_depth(const Name&) { return 0; }
uint32_t child_depth(const TupleDisplay& n) { return depth_of(n.items); }
uint32_t child_depth(const ListDisplay& n) { return depth_of(n.items); }
uint32_t child_depth(const DictDisplay& n) { return depth_of(n.entries); }
uint32_t child_depth(const GetAttribute& n) { return depth_of(n.object); }
uint32_t child_depth(const GetItem& n) { return std::max(depth_of(n.object), depth_of(n.key)); }
uint32_t child_depth(const Slice& n) {
  return std::max({depth_of(n.object), depth_of(n.start), depth_of(n.stop), depth_of(n.step)});
}
uint32_t child_depth(const Call& n) { return std::max(depth_of(n.callee), depth_of(n.arguments)); }
uint32_t child_depth(const FilterCall& n) { return std::max(depth_of(n.subject), depth_of(n.arguments)); }
uint32_t child_depth(const TestCall& n) { return std::max(depth_of(n.subject), depth_of(n.arguments)); }
uint32_t child_depth(const Unary& n) { return depth_of(n.operand); }
uint32_t child_depth(const Binary& n) { return std::max(depth_of(n.left), depth_of(n.right)); }
uint32_t child_depth(const Logical& n) { return std::max(depth_of(n.left), depth_of(n.right)); }
uint32_t child_depth(const Concatenation& n) { return depth_of(n.parts); }
uint32_t child_depth(const Comparison& n) { return std::max(depth_of(n.first), depth_of(n.rest)); }
uint32_t child_depth(const Conditional& n) {
  return std::max({depth_of(n.condition), depth_of(n.then), depth_of(n.otherwise)});
}

Failure too_deep(uint32_t line) {
  return bad_template(line, fmt::format("nested more than {} levels deep", kMaxNesting));
}

}  // namespace

Token ExpressionParser::take() {
  Token token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) ++at_;
  return token;
}

bool ExpressionParser::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  take();
  return true;
}

bool ExpressionParser::skip_operator(std::string_view op) {
  if (!current().is_operator(op)) return false;
  take();
  return true;
}

Failure ExpressionParser::unexpected(std::string_view wanted) const {
  return bad_template(current().line, fmt::format("expected {}, got {}", wanted, current().describe()));
}

Result<void> ExpressionParser::expect_operator(std::string_view op) {
  if (!skip_operator(op)) return unexpected(fmt::format("'{}'", op));
  return {};
}

Result<void> ExpressionParser::expect(TokenKind kind, std::string_view described) {
  if (current().kind != kind) return unexpected(described);
  take();
  return {};
}

Result<std::string> ExpressionParser::expect_name() {
  if (current().kind != TokenKind::kName) return unexpected("a name");
  return take().text;
}

template <class Node>
Result<ExprPtr> ExpressionParser::make(uint32_t line, Node node) {
  const uint32_t depth = child_depth(node) + 1;
  if (depth > kMaxNesting) return too_deep(line);
  return std::make_unique<Expr>(Expr{.node = std::move(node), .line = line, .depth = depth});
}

Result<ExprPtr> ExpressionParser::expression(bool with_conditional) {
  const Level level(depth_);
  if (depth_ > kMaxNesting) return too_deep(current().line);
  return with_conditional ? conditional() : or_expression();
}

Result<ExprPtr> ExpressionParser::conditional() {
  HEARTH_TRY(value, or_expression());
  while (current().is_name("if")) {
    const uint32_t line = take().line;
    HEARTH_TRY(condition, or_expression());
    ExprPtr otherwise;
    if (skip_name("else")) {
      HEARTH_TRY(parsed, expression());
      otherwise = std::move(parsed);
    }
    HEARTH_TRY(made, make(line, Conditional{std::move(condition), std::move(value), std::move(otherwise)}));
    value = std::move(made);
  }
  return value;
}

Result<ExprPtr> ExpressionParser::or_expression() {
  HEARTH_TRY(left, and_expression());
  while (current().is_name("or")) {
    const uint32_t line = take().line;
    HEARTH_TRY(right, and_expression());
    HEARTH_TRY(made, make(line, Logical{false, std::move(left), std::move(right)}));
    left = std::move(made);
  }
  return left;
}

Result<ExprPtr> ExpressionParser::and_expression() {
  HEARTH_TRY(left, not_expression());
  while (current().is_name("and")) {
    const uint32_t line = take().line;
    HEARTH_TRY(right, not_expression());
    HEARTH_TRY(made, make(line, Logical{true, std::move(left), std::move(right)}));
    left = std::move(made);
  }
  return left;
}

Result<ExprPtr> ExpressionParser::not_expression() {
  if (!current().is_name("not")) return comparison();
  const Level level(depth_);
  if (depth_ > kMaxNesting) return too_deep(current().line);
  const uint32_t line = take().line;
  HEARTH_TRY(operand, not_expression());
  return make(line, Unary{UnaryOp::kNot, std::move(operand)});
}

Result<ExprPtr> ExpressionParser::comparison() {
  constexpr std::pair<std::string_view, CompareOp> kOps[] = {
      {"==", CompareOp::kEqual},     {"!=", CompareOp::kNotEqual}, {"<", CompareOp::kLess},
      {"<=", CompareOp::kLessEqual}, {">", CompareOp::kGreater},   {">=", CompareOp::kGreaterEqual}};
  const uint32_t line = current().line;
  HEARTH_TRY(first, sum());
  std::vector<std::pair<CompareOp, ExprPtr>> rest;
  while (true) {
    const auto* op =
        std::find_if(std::begin(kOps), std::end(kOps), [&](auto& o) { return current().is_operator(o.first); });
    CompareOp kind = CompareOp::kIn;
    if (op != std::end(kOps)) {
      kind = op->second;
    } else if (current().is_name("not") && next().is_name("in")) {
      take();
      kind = CompareOp::kNotIn;
    } else if (!current().is_name("in")) {
      break;
    }
    take();
    HEARTH_TRY(operand, sum());
    rest.emplace_back(kind, std::move(operand));
  }
  if (rest.empty()) return first;
  return make(line, Comparison{std::move(first), std::move(rest)});
}

Result<ExprPtr> ExpressionParser::left_associative(Result<ExprPtr> (ExpressionParser::*operand)(),
                                                   std::initializer_list<std::pair<std::string_view, BinaryOp>> ops) {
  HEARTH_TRY(left, (this->*operand)());
  while (true) {
    const auto* op = std::find_if(ops.begin(), ops.end(), [&](auto& o) { return current().is_operator(o.first); });
    if (op == ops.end()) return left;
    const uint32_t line = take().line;
    HEARTH_TRY(right, (this->*operand)());
    HEARTH_TRY(made, make(line, Binary{op->second, std::move(left), std::move(right)}));
    left = std::move(made);
  }
}

Result<ExprPtr> ExpressionParser::sum() {
  return left_associative(&ExpressionParser::concatenation, {{"+", BinaryOp::kAdd}, {"-", BinaryOp::kSubtract}});
}

Result<ExprPtr> ExpressionParser::concatenation() {
  const uint32_t line = current().line;
  HEARTH_TRY(first, product());
  if (!current().is_operator("~")) return first;
  std::vector<ExprPtr> parts;
  parts.push_back(std::move(first));
  while (skip_operator("~")) {
    HEARTH_TRY(part, product());
    parts.push_back(std::move(part));
  }
  return make(line, Concatenation{std::move(parts)});
}

Result<ExprPtr> ExpressionParser::product() {
  return left_associative(
      &ExpressionParser::power,
      {{"*", BinaryOp::kMultiply}, {"/", BinaryOp::kDivide}, {"//", BinaryOp::kFloorDivide}, {"%", BinaryOp::kModulo}});
}

Result<ExprPtr> ExpressionParser::power() {
  HEARTH_TRY(left, unary(true));
  while (current().is_operator("**")) {
    const uint32_t line = take().line;
    HEARTH_TRY(right, unary(true));
    HEARTH_TRY(made, make(line, Binary{BinaryOp::kPower, std::move(left), std::move(right)}));
    left = std::move(made);
  }
  return left;
}

// A sign binds tighter than filters but looser than subscripts and calls of its operand: -x.y|abs is (-(x.y))|abs.
Result<ExprPtr> ExpressionParser::unary(bool with_filter) {
  const Level level(depth_);
  if (depth_ > kMaxNesting) return too_deep(current().line);
  ExprPtr node;
  if (current().is_operator("-") || current().is_operator("+")) {
    const Token sign = take();
    HEARTH_TRY(operand, unary(false));
    HEARTH_TRY(made, make(sign.line, Unary{sign.text == "-" ? UnaryOp::kNegate : UnaryOp::kPlus, std::move(operand)}));
    node = std::move(made);
  } else {
    HEARTH_TRY(parsed, primary());
    node = std::move(parsed);
  }
  HEARTH_TRY(subscripted, postfix(std::move(node)));
  if (!with_filter) return subscripted;
  return postfix_filters(std::move(subscripted));
}

Result<ExprPtr> ExpressionParser::primary() {
  const uint32_t line = current().line;
  switch (current().kind) {
    case TokenKind::kName: {
      const std::string name = take().text;
      if (name == "true" || name == "True") return make(line, Constant{Value(true)});
      if (name == "false" || name == "False") return make(line, Constant{Value(false)});
      if (name == "none" || name == "None") return make(line, Constant{Value::none()});
      return make(line, Name{name, {}, Value::undefined(fmt::format("'{}' is undefined", name))});
    }
    case TokenKind::kString: {
      std::string text;
      while (current().kind == TokenKind::kString) text += take().text;
      return make(line, Constant{Value::literal(text)});
    }
    case TokenKind::kInteger: return make(line, Constant{Value(take().integer)});
    case TokenKind::kFloat: return make(line, Constant{Value(take().number)});
    default: break;
  }
  if (skip_operator("(")) {
    HEARTH_TRY(inner, tuple(true, {}, /*may_be_empty=*/true));
    HEARTH_TRY_VOID(expect_operator(")"));
    return inner;
  }
  if (current().is_operator("[")) return list_display();
  if (current().is_operator("{")) return dict_display();
  return unexpected("an expression");
}

Result<ExprPtr> ExpressionParser::tuple(bool with_conditional, std::string_view end_name, bool may_be_empty) {
  const auto ended = [&] {
    return current().kind == TokenKind::kVariableEnd || current().kind == TokenKind::kBlockEnd ||
           current().is_operator(")") || (!end_name.empty() && current().is_name(end_name));
  };
  const uint32_t line = current().line;
  std::vector<ExprPtr> items;
  bool is_tuple = false;
  while (!ended()) {
    HEARTH_TRY(item, expression(with_conditional));
    items.push_back(std::move(item));
    if (!skip_operator(",")) break;
    is_tuple = true;
  }
  if (is_tuple || (items.empty() && may_be_empty)) return make(line, TupleDisplay{std::move(items)});
  if (items.empty()) return unexpected("an expression");
  return std::move(items[0]);
}

Result<ExprPtr> ExpressionParser::list_display() {
  const uint32_t line = take().line;
  std::vector<ExprPtr> items;
  while (!current().is_operator("]")) {
    if (!items.empty()) HEARTH_TRY_VOID(expect_operator(","));
    if (current().is_operator("]")) break;
    HEARTH_TRY(item, expression());
    items.push_back(std::move(item));
  }
  HEARTH_TRY_VOID(expect_operator("]"));
  return make(line, ListDisplay{std::move(items)});
}

Result<ExprPtr> ExpressionParser::dict_display() {
  const uint32_t line = take().line;
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
  while (!current().is_operator("}")) {
    if (!entries.empty()) HEARTH_TRY_VOID(expect_operator(","));
    if (current().is_operator("}")) break;
    HEARTH_TRY(key, expression());
    HEARTH_TRY_VOID(expect_operator(":"));
    HEARTH_TRY(value, expression());
    entries.emplace_back(std::move(key), std::move(value));
  }
  HEARTH_TRY_VOID(expect_operator("}"));
  return make(line, DictDisplay{std::move(entries)});
}

Result<ExprPtr> ExpressionParser::postfix(ExprPtr node) {
  while (true) {
    if (current().is_operator(".") || current().is_operator("[")) {
      HEARTH_TRY(made, subscript(std::move(node)));
      node = std::move(made);
    } else if (current().is_operator("(")) {
      const uint32_t line = current().line;
      HEARTH_TRY(arguments, call_arguments());
      HEARTH_TRY(made, make(line, Call{std::move(node), std::move(arguments)}));
      node = std::move(made);
    } else {
      return node;
    }
  }
}

Result<ExprPtr> ExpressionParser::postfix_filters(ExprPtr node) {
  while (true) {
    if (current().is_operator("|")) {
      HEARTH_TRY(made, filters(std::move(node), false));
      node = std::move(made);
    } else if (current().is_name("is")) {
      HEARTH_TRY(made, test(std::move(node)));
      node = std::move(made);
    } else if (current().is_operator("(")) {
      HEARTH_TRY(made, postfix(std::move(node)));
      node = std::move(made);
    } else {
      return node;
    }
  }
}

Result<ExprPtr> ExpressionParser::subscript(ExprPtr object) {
  const Token opening = take();
  if (opening.text == "[") return bracketed(std::move(object), opening.line);
  if (current().kind == TokenKind::kInteger) {
    HEARTH_TRY(key, make(opening.line, Constant{Value(take().integer)}));
    return make(opening.line, GetItem{std::move(object), std::move(key)});
  }
  if (current().kind != TokenKind::kName) return unexpected("a name or a number");
  return make(opening.line, GetAttribute{std::move(object), take().text});
}

Result<ExprPtr> ExpressionParser::bracketed(ExprPtr object, uint32_t line) {
  ExprPtr bounds[3];
  bool is_slice = false;
  for (size_t i = 0; i < 3; ++i) {
    if (!current().is_operator(":") && !current().is_operator("]")) {
      HEARTH_TRY(bound, expression());
      bounds[i] = std::move(bound);
    }
    if (i == 2 || !skip_operator(":")) break;
    is_slice = true;
  }
  if (!is_slice && current().is_operator(",")) {  // x[a, b]: the key is a tuple
    std::vector<ExprPtr> items;
    items.push_back(std::move(bounds[0]));
    while (skip_operator(",")) {
      HEARTH_TRY(item, expression());
      items.push_back(std::move(item));
    }
    HEARTH_TRY(key, make(line, TupleDisplay{std::move(items)}));
    bounds[0] = std::move(key);
  }
  HEARTH_TRY_VOID(expect_operator("]"));
  if (is_slice)
    return make(line, Slice{std::move(object), std::move(bounds[0]), std::move(bounds[1]), std::move(bounds[2])});
  if (!bounds[0]) return bad_template(line, "expected a subscript between '[' and ']'");
  return make(line, GetItem{std::move(object), std::move(bounds[0])});
}

Result<void> ExpressionParser::one_argument(CallArguments& arguments, uint32_t line) {
  const auto misplaced = [&] { return bad_template(line, "arguments stand in an order that no call allows"); };
  if (skip_operator("**")) {
    if (arguments.more_named) return misplaced();
    HEARTH_TRY(value, expression());
    arguments.more_named = std::move(value);
  } else if (skip_operator("*")) {
    if (arguments.more_positional || arguments.more_named) return misplaced();
    HEARTH_TRY(value, expression());
    arguments.more_positional = std::move(value);
  } else if (current().kind == TokenKind::kName && next().is_operator("=")) {
    if (arguments.more_named) return misplaced();
    std::string name = take().text;
    take();
    HEARTH_TRY(value, expression());
    for (const auto& named : arguments.named)
      if (named.first == name) return bad_template(line, fmt::format("the argument '{}' is given twice", name));
    arguments.named.emplace_back(std::move(name), std::move(value));
  } else {
    if (arguments.more_positional || arguments.more_named || !arguments.named.empty()) return misplaced();
    HEARTH_TRY(value, expression());
    arguments.positional.push_back(std::move(value));
  }
  return {};
}

Result<CallArguments> ExpressionParser::call_arguments() {
  const uint32_t line = current().line;
  HEARTH_TRY_VOID(expect_operator("("));
  CallArguments arguments;
  while (!current().is_operator(")")) {
    HEARTH_TRY_VOID(one_argument(arguments, line));
    if (!current().is_operator(")")) HEARTH_TRY_VOID(expect_operator(","));
  }
  HEARTH_TRY_VOID(expect_operator(")"));
  return arguments;
}

Result<std::string> ExpressionParser::dotted_name() {
  HEARTH_TRY(name, expect_name());
  while (skip_operator(".")) {
    HEARTH_TRY(part, expect_name());
    name += "." + part;
  }
  return name;
}

Result<ExprPtr> ExpressionParser::filters(ExprPtr subject, bool inline_start) {
  while (inline_start || skip_operator("|")) {
    inline_start = false;
    const uint32_t line = current().line;
    HEARTH_TRY(name, dotted_name());
    CallArguments arguments;
    if (current().is_operator("(")) {
      HEARTH_TRY(parsed, call_arguments());
      arguments = std::move(parsed);
    }
    HEARTH_TRY(made, make(line, FilterCall{std::move(subject), std::move(name), std::move(arguments)}));
    subject = std::move(made);
  }
  return subject;
}

Result<ExprPtr> ExpressionParser::test(ExprPtr subject) {
  const uint32_t line = take().line;
  const bool negated = skip_name("not");
  HEARTH_TRY(name, dotted_name());
  CallArguments arguments;
  const Token& t = current();
  const bool bare_argument = t.kind == TokenKind::kString || t.kind == TokenKind::kInteger ||
                             t.kind == TokenKind::kFloat || t.is_operator("[") || t.is_operator("{") ||
                             (t.kind == TokenKind::kName && t.text != "else" && t.text != "or" && t.text != "and");
  if (t.is_operator("(")) {
    HEARTH_TRY(parsed, call_arguments());
    arguments = std::move(parsed);
  } else if (bare_argument) {
    if (t.is_name("is")) return bad_template(t.line, "tests cannot be chained with 'is'");
    HEARTH_TRY(parsed, primary());
    HEARTH_TRY(argument, postfix(std::move(parsed)));
    arguments.positional.push_back(std::move(argument));
  }
  HEARTH_TRY(made, make(line, TestCall{std::move(subject), std::move(name), std::move(arguments)}));
  if (!negated) return made;
  return make(line, Unary{UnaryOp::kNot, std::move(made)});
}

}  // namespace hearth::text::jinja
