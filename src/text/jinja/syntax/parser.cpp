// Statements. Bodies nest by recursion, counted by the same level as expressions.
#include "text/jinja/syntax/parser.h"

#include <algorithm>

#include "text/jinja/syntax/expression_parser.h"
#include "text/jinja/syntax/scope.h"

namespace hearth::text::jinja {

namespace {

using Names = std::initializer_list<std::string_view>;

class StatementParser : private ExpressionParser {
 public:
  explicit StatementParser(std::vector<Token> tokens) : ExpressionParser(std::move(tokens)) {}

  Result<Body> run() { return body({}); }

 private:
  // Statements up to the block tag that one of `ends` begins, whose name is then current. No ends: the whole template.
  Result<Body> body(Names ends) {
    const Level level(depth_);
    if (depth_ > kMaxNesting)
      return bad_template(current().line, fmt::format("nested more than {} levels deep", kMaxNesting));
    Body out;
    while (true) {
      const uint32_t line = current().line;
      switch (current().kind) {
        case TokenKind::kText: out.push_back({PlainText{Traced::literal(take().text)}, line}); break;
        case TokenKind::kVariableBegin: {
          take();
          HEARTH_TRY(value, tuple());
          HEARTH_TRY_VOID(expect(TokenKind::kVariableEnd, "'}}'"));
          out.push_back({Output{std::move(value)}, line});
          break;
        }
        case TokenKind::kBlockBegin: {
          take();
          if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return current().is_name(end); }))
            return out;
          HEARTH_TRY_VOID(statement(out, ends));
          HEARTH_TRY_VOID(expect(TokenKind::kBlockEnd, "'%}'"));
          break;
        }
        default:
          if (ends.size() > 0) return unexpected(fmt::format("'{{% {} %}}'", *(ends.end() - 1)));
          return out;
      }
    }
  }

  // The "%}" of the opening tag, then a body.
  Result<Body> block(Names ends) {
    skip_operator(":");
    HEARTH_TRY_VOID(expect(TokenKind::kBlockEnd, "'%}'"));
    return body(ends);
  }

  // A body that one tag ends.
  Result<Body> closed_block(std::string_view end) {
    HEARTH_TRY(parsed, block({end}));
    take();
    return parsed;
  }

  Result<void> statement(Body& out, Names ends) {
    struct Parser {
      std::string_view tag;
      Result<void> (StatementParser::*parse)(Body&, uint32_t);
    };
    static constexpr Parser kParsers[] = {{"if", &StatementParser::parse_if},
                                          {"for", &StatementParser::parse_for},
                                          {"set", &StatementParser::parse_set},
                                          {"macro", &StatementParser::parse_macro},
                                          {"call", &StatementParser::parse_call},
                                          {"filter", &StatementParser::parse_filter},
                                          {"with", &StatementParser::parse_with},
                                          {"print", &StatementParser::parse_print},
                                          {"break", &StatementParser::parse_break},
                                          {"continue", &StatementParser::parse_continue},
                                          {"generation", &StatementParser::parse_generation}};
    static constexpr std::string_view kRefused[] = {"import", "from", "include", "extends", "block", "autoescape"};

    if (current().kind != TokenKind::kName) return unexpected("a statement's name");
    const Token tag = take();
    const auto* parser =
        std::find_if(std::begin(kParsers), std::end(kParsers), [&](auto& p) { return p.tag == tag.text; });
    if (parser != std::end(kParsers)) return (this->*parser->parse)(out, tag.line);
    if (std::find(std::begin(kRefused), std::end(kRefused), tag.text) != std::end(kRefused))
      return at(
          fmt::format("chat template line {}", tag.line),
          {ErrorCode::kUnsupported, fmt::format("'{{% {} %}}' is not supported in chat templates", tag.text), {}});
    if (ends.size() > 0)
      return bad_template(tag.line,
                          fmt::format("unknown tag '{}' (expected '{{% {} %}}' first)", tag.text, *(ends.end() - 1)));
    return bad_template(tag.line, fmt::format("unknown tag '{}'", tag.text));
  }

  Result<void> parse_if(Body& out, uint32_t line) {
    If node;
    while (true) {
      HEARTH_TRY(condition, tuple(/*with_conditional=*/false));
      HEARTH_TRY(branch, block({"elif", "else", "endif"}));
      node.branches.emplace_back(std::move(condition), std::move(branch));
      const std::string tag = take().text;
      if (tag == "elif") continue;
      if (tag == "else") {
        HEARTH_TRY(otherwise, closed_block("endif"));
        node.otherwise = std::move(otherwise);
      }
      out.push_back({std::move(node), line});
      return {};
    }
  }

  Result<void> parse_for(Body& out, uint32_t line) {
    For node;
    HEARTH_TRY(target, assign_target(false, "in"));
    node.target = node.test_target = std::move(target);
    if (!skip_name("in")) return unexpected("'in'");
    HEARTH_TRY(iterable, tuple(/*with_conditional=*/false, "recursive"));
    node.iterable = std::move(iterable);
    if (skip_name("if")) {
      HEARTH_TRY(test, expression());
      node.test = std::move(test);
    }
    node.is_recursive = skip_name("recursive");
    HEARTH_TRY(repeated, block({"else", "endfor"}));
    node.body = std::move(repeated);
    if (take().text == "else") {
      HEARTH_TRY(otherwise, closed_block("endfor"));
      node.has_else = true;
      node.otherwise = std::move(otherwise);
    }
    out.push_back({std::move(node), line});
    return {};
  }

  Result<void> parse_set(Body& out, uint32_t line) {
    HEARTH_TRY(target, assign_target(true));
    if (skip_operator("=")) {
      HEARTH_TRY(value, tuple());
      out.push_back({Set{std::move(target), std::move(value)}, line});
      return {};
    }
    HEARTH_TRY(filter, filters(nullptr, false));
    HEARTH_TRY(captured, closed_block("endset"));
    out.push_back({SetBlock{std::move(target), std::move(filter), {}, std::move(captured)}, line});
    return {};
  }

  Result<void> parse_macro(Body& out, uint32_t line) {
    HEARTH_TRY(target, name_target());
    MacroDefinition node{.name = target.name, .ref = {}, .function = {}};
    HEARTH_TRY_VOID(signature(node.function));
    HEARTH_TRY(parsed, closed_block("endmacro"));
    node.function.body = std::move(parsed);
    out.push_back({std::move(node), line});
    return {};
  }

  Result<void> parse_call(Body& out, uint32_t line) {
    CallBlock node;
    if (current().is_operator("(")) HEARTH_TRY_VOID(signature(node.function));
    HEARTH_TRY(call, expression());
    if (!std::holds_alternative<Call>(call->node)) return bad_template(line, "expected a call in '{% call %}'");
    node.call = std::move(call);
    HEARTH_TRY(parsed, closed_block("endcall"));
    node.function.body = std::move(parsed);
    out.push_back({std::move(node), line});
    return {};
  }

  Result<void> parse_generation(Body& out, uint32_t line) {
    GenerationBlock node;
    HEARTH_TRY(parsed, closed_block("endgeneration"));
    node.function.body = std::move(parsed);
    out.push_back({std::move(node), line});
    return {};
  }

  Result<void> parse_filter(Body& out, uint32_t line) {
    HEARTH_TRY(filter, filters(nullptr, /*inline_start=*/true));
    HEARTH_TRY(parsed, closed_block("endfilter"));
    out.push_back({FilterBlock{std::move(filter), {}, std::move(parsed)}, line});
    return {};
  }

  Result<void> parse_with(Body& out, uint32_t line) {
    With node;
    while (current().kind != TokenKind::kBlockEnd) {
      if (!node.targets.empty()) HEARTH_TRY_VOID(expect_operator(","));
      HEARTH_TRY(target, assign_target(false));
      HEARTH_TRY_VOID(expect_operator("="));
      HEARTH_TRY(value, expression());
      node.targets.push_back(std::move(target));
      node.values.push_back(std::move(value));
    }
    HEARTH_TRY(parsed, closed_block("endwith"));
    node.body = std::move(parsed);
    out.push_back({std::move(node), line});
    return {};
  }

  Result<void> parse_print(Body& out, uint32_t line) {
    for (bool first = true; current().kind != TokenKind::kBlockEnd; first = false) {
      if (!first) HEARTH_TRY_VOID(expect_operator(","));
      HEARTH_TRY(value, expression());
      out.push_back({Output{std::move(value)}, line});
    }
    return {};
  }

  Result<void> parse_break(Body& out, uint32_t line) { return out.push_back({Break{}, line}), Result<void>{}; }
  Result<void> parse_continue(Body& out, uint32_t line) { return out.push_back({Continue{}, line}), Result<void>{}; }

  Result<void> signature(Function& function) {
    HEARTH_TRY_VOID(expect_operator("("));
    while (!current().is_operator(")")) {
      if (!function.parameters.empty()) HEARTH_TRY_VOID(expect_operator(","));
      const uint32_t line = current().line;
      HEARTH_TRY(parameter, name_target());
      for (const Target& other : function.parameters)
        if (other.name == parameter.name)
          return bad_template(line, fmt::format("two parameters are named '{}'", other.name));
      function.parameters.push_back(std::move(parameter));
      if (skip_operator("=")) {
        HEARTH_TRY(value, expression());
        function.defaults.push_back(std::move(value));
      } else if (!function.defaults.empty()) {
        return bad_template(line, "a parameter without default follows one with a default");
      }
    }
    return expect_operator(")");
  }

  Result<Target> name_target() {
    const uint32_t line = current().line;
    HEARTH_TRY(name, expect_name());
    if (name == "true" || name == "false" || name == "none" || name == "True" || name == "False" || name == "None")
      return bad_template(line, fmt::format("can't assign to '{}'", name));
    return Target{.name = std::move(name), .attribute = {}, .ref = {}, .is_tuple = false, .items = {}};
  }

  // One or more names, attributes of namespaces or parenthesised targets, separated by commas.
  Result<Target> assign_target(bool with_attributes, std::string_view end_name = {}) {
    const auto ended = [&] {
      return current().kind == TokenKind::kBlockEnd || current().is_operator(")") ||
             (!end_name.empty() && current().is_name(end_name));
    };
    Target list{.name = {}, .attribute = {}, .ref = {}, .is_tuple = true, .items = {}};
    bool is_tuple = false;
    while (!ended()) {
      HEARTH_TRY(item, one_target(with_attributes));
      list.items.push_back(std::move(item));
      if (!skip_operator(",")) break;
      is_tuple = true;
    }
    if (list.items.empty()) return unexpected("a name to assign to");
    if (is_tuple) return list;
    return Target(std::move(list.items[0]));
  }

  Result<Target> one_target(bool with_attributes) {
    const Level level(depth_);
    if (depth_ > kMaxNesting) return bad_template(current().line, "an assignment is nested too deeply");
    if (skip_operator("(")) {
      HEARTH_TRY(inner, assign_target(with_attributes));
      HEARTH_TRY_VOID(expect_operator(")"));
      return inner;
    }
    HEARTH_TRY(target, name_target());
    if (with_attributes && skip_operator(".")) {
      HEARTH_TRY(attribute, expect_name());
      target.attribute = std::move(attribute);
    }
    return target;
  }
};

}  // namespace

Result<Tree> parse(std::string_view source) {
  HEARTH_TRY(tokens, tokenize(source));
  HEARTH_TRY(body, StatementParser(std::move(tokens)).run());
  Tree tree{.body = std::move(body), .scope = {}, .slots = 0};
  HEARTH_TRY_VOID(resolve_names(tree));
  return tree;
}

}  // namespace hearth::text::jinja
