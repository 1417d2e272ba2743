#include "text/jinja/syntax/scope.h"

#include <algorithm>

#include "text/jinja/filters/filters.h"
#include "text/jinja/run/predicates.h"
#include "text/jinja/syntax/lexer.h"
#include "text/jinja/syntax/symbols.h"
#include "text/jinja/syntax/walk.h"

namespace hearth::text::jinja {

namespace {

// Which of a few special names a body reads without having stored them before: Jinja2's find_undeclared.
class SpecialNames {
 public:
  explicit SpecialNames(std::set<std::string> wanted) : wanted_(std::move(wanted)) {}

  std::set<std::string> read_in(Body& body) {
    visit(body);
    return std::move(read_);
  }

 private:
  void visit(Body& body) {
    for (Stmt& stmt : body) std::visit([&](auto& node) { visit(node); }, stmt.node);
  }
  void visit(Expr& expr) {
    if (const Name* name = std::get_if<Name>(&expr.node); name != nullptr && wanted_.contains(name->name))
      read_.insert(name->name);
    for_each_child(expr, [&](Expr& child) { visit(child); });
  }
  void visit(ExprPtr& expr) {
    if (expr) visit(*expr);
  }
  void visit(Target& target) {
    if (!target.is_tuple && !target.attribute) wanted_.erase(target.name);
    for (Target& item : target.items) visit(item);
  }
  void visit(Function& function) {
    for (Target& parameter : function.parameters) visit(parameter);
    for (ExprPtr& value : function.defaults) visit(value);
    visit(function.body);
  }
  void visit(PlainText&) {}
  void visit(Break&) {}
  void visit(Continue&) {}
  void visit(Output& n) { visit(n.value); }
  void visit(Set& n) { visit(n.target), visit(n.value); }
  void visit(SetBlock& n) { visit(n.target), visit(n.filter), visit(n.body); }
  void visit(If& n) {
    for (auto& [condition, body] : n.branches) visit(condition), visit(body);
    visit(n.otherwise);
  }
  void visit(For& n) { visit(n.target), visit(n.iterable), visit(n.body), visit(n.otherwise), visit(n.test); }
  void visit(MacroDefinition& n) { visit(n.function); }
  void visit(CallBlock& n) { visit(n.call), visit(n.function); }
  void visit(GenerationBlock& n) { visit(n.function); }
  void visit(FilterBlock& n) { visit(n.body), visit(n.filter); }
  void visit(With& n) {
    for (Target& target : n.targets) visit(target);
    for (ExprPtr& value : n.values) visit(value);
    visit(n.body);
  }

  std::set<std::string> wanted_, read_;
};

// First every name of a scope is seen, in order (see), then its statements get their slots and inner scopes are done
// in the same way (resolve).
class Resolver {
 public:
  Result<void> run(Tree& tree) {
    FunctionSlots slots;
    Symbols symbols(nullptr, &slots);
    see(tree.body, symbols);
    const Frame frame{.symbols = symbols};
    resolve(tree.body, frame);
    tree.scope = symbols.starts();
    tree.slots = count(slots);
    if (error_) return std::unexpected(std::move(*error_));
    return {};
  }

 private:
  struct Frame {
    Symbols& symbols;
    bool is_conditional = false;  // unknown filters fail when they are used, not here
    bool in_loop = false;         // break and continue have a loop
    bool in_for = false;          // `loop` cannot be assigned
    Frame inner(Symbols& scope) const { return {scope, false, in_loop, in_for}; }
    Frame function(Symbols& scope) const { return {scope, false, false, in_for}; }
    Frame conditional() const { return {symbols, true, in_loop, in_for}; }
  };

  // What branches cost to copy is bounded, so that no template takes quadratic time to compile.
  static constexpr size_t kMaxCopies = 5'000'000;

  void refuse_at(uint32_t line, std::string message) {
    if (!error_) error_ = bad_template(line, std::move(message)).error();
  }

  uint16_t count(const FunctionSlots& slots) {
    if (slots.used > UINT16_MAX) refuse_at(1, "the template has too many variables");
    return static_cast<uint16_t>(slots.used);
  }

  // Seeing

  void see(Body& body, Symbols& symbols) {
    for (Stmt& stmt : body) std::visit([&](auto& node) { see(node, symbols); }, stmt.node);
  }
  void see(Expr& expr, Symbols& symbols) {
    if (const Name* name = std::get_if<Name>(&expr.node)) symbols.load(name->name);
    for_each_child(expr, [&](Expr& child) { see(child, symbols); });
  }
  void see(ExprPtr& expr, Symbols& symbols) {
    if (expr) see(*expr, symbols);
  }
  void see(Target& target, Symbols& symbols) {
    if (target.attribute) symbols.load(target.name);
    else if (!target.is_tuple) symbols.store(target.name);
    for (Target& item : target.items) see(item, symbols);
  }
  void declare(Target& target, Symbols& symbols) {
    if (!target.is_tuple) symbols.declare_parameter(target.name);
    for (Target& item : target.items) declare(item, symbols);
  }
  void see(PlainText&, Symbols&) {}
  void see(Break&, Symbols&) {}
  void see(Continue&, Symbols&) {}
  void see(GenerationBlock&, Symbols&) {}
  void see(Output& n, Symbols& symbols) { see(n.value, symbols); }
  void see(Set& n, Symbols& symbols) { see(n.value, symbols), see(n.target, symbols); }
  void see(SetBlock& n, Symbols& symbols) { see(n.target, symbols), see(n.filter, symbols); }
  void see(For& n, Symbols& symbols) { see(n.iterable, symbols); }
  void see(MacroDefinition& n, Symbols& symbols) { symbols.store(n.name); }
  void see(CallBlock& n, Symbols& symbols) { see(n.call, symbols); }
  void see(FilterBlock& n, Symbols& symbols) { see(n.filter, symbols); }
  void see(With& n, Symbols& symbols) {
    for (ExprPtr& value : n.values) see(value, symbols);
  }
  void see(If& n, Symbols& symbols) {
    for (auto& [condition, body] : n.branches) see(condition, symbols);
    std::vector<Symbols> branches;
    for (auto& [condition, body] : n.branches) see_branch(body, symbols, branches);
    if (!n.otherwise.empty()) see_branch(n.otherwise, symbols, branches);
    symbols.merge(branches);
  }
  void see_branch(Body& body, Symbols& symbols, std::vector<Symbols>& branches) {
    copied_ += symbols.size() + 1;
    if (copied_ > kMaxCopies) return refuse_at(1, "the template has too many variables in too many branches");
    see(body, branches.emplace_back(symbols));
  }

  // Resolving

  void resolve(Body& body, const Frame& frame) {
    if (error_) return;
    for (Stmt& stmt : body) {
      line_ = stmt.line;
      std::visit([&](auto& node) { resolve(node, frame); }, stmt.node);
    }
  }
  void resolve(Expr& expr, const Frame& frame) {
    if (Name* name = std::get_if<Name>(&expr.node)) name->ref = frame.symbols.ref(name->name);
    if (const FilterCall* call = std::get_if<FilterCall>(&expr.node); call != nullptr && !frame.is_conditional)
      if (find_filter(call->name) == nullptr) refuse_at(expr.line, fmt::format("no filter is named '{}'", call->name));
    if (const TestCall* call = std::get_if<TestCall>(&expr.node); call != nullptr && !frame.is_conditional)
      if (find_predicate(call->name) == nullptr) refuse_at(expr.line, fmt::format("no test is named '{}'", call->name));
    const Frame inner = std::holds_alternative<Conditional>(expr.node) ? frame.conditional() : frame;
    for_each_child(expr, [&](Expr& child) { resolve(child, inner); });
  }
  void resolve(ExprPtr& expr, const Frame& frame) {
    if (expr) resolve(*expr, frame);
  }
  void resolve(Target& target, const Frame& frame) {
    if (!target.is_tuple) target.ref = frame.symbols.ref(target.name);
    if (!target.is_tuple && !target.attribute && frame.in_for && target.name == "loop")
      refuse_at(line_, "can't assign to 'loop' inside of a for loop");
    for (Target& item : target.items) resolve(item, frame);
  }
  void resolve_parameter(Target& target, const Frame& frame) {
    if (!target.is_tuple) target.ref = frame.symbols.ref(target.name);
    for (Target& item : target.items) resolve_parameter(item, frame);
  }
  void resolve(PlainText&, const Frame&) {}
  void resolve(Break&, const Frame& frame) { need_loop(frame, "break"); }
  void resolve(Continue&, const Frame& frame) { need_loop(frame, "continue"); }
  void need_loop(const Frame& frame, std::string_view what) {
    if (!frame.in_loop) refuse_at(line_, fmt::format("'{{% {} %}}' stands outside of a for loop", what));
  }
  void resolve(Output& n, const Frame& frame) { resolve(n.value, frame); }
  void resolve(Set& n, const Frame& frame) { resolve(n.value, frame), resolve(n.target, frame); }
  void resolve(If& n, const Frame& frame) {
    const Frame inner = frame.conditional();
    for (auto& [condition, body] : n.branches) resolve(condition, inner), resolve(body, inner);
    resolve(n.otherwise, inner);
  }
  void resolve(SetBlock& n, const Frame& frame) {
    resolve(n.target, frame);
    Symbols symbols(&frame.symbols, &frame.symbols.function());
    see(n.body, symbols);
    resolve(n.body, frame.inner(symbols));
    resolve(n.filter, frame.inner(symbols));
    n.scope = symbols.starts();
  }
  void resolve(FilterBlock& n, const Frame& frame) {
    Symbols symbols(&frame.symbols, &frame.symbols.function());
    see(n.body, symbols);
    see(n.filter, symbols);
    resolve(n.body, frame.inner(symbols));
    resolve(n.filter, frame.inner(symbols));
    n.scope = symbols.starts();
  }
  void resolve(With& n, const Frame& frame) {
    for (ExprPtr& value : n.values) resolve(value, frame);
    Symbols symbols(&frame.symbols, &frame.symbols.function());
    for (Target& target : n.targets) declare(target, symbols);
    see(n.body, symbols);
    const Frame inner = frame.inner(symbols);
    for (Target& target : n.targets) resolve_parameter(target, inner);
    resolve(n.body, inner);
    n.scope = symbols.starts();
  }
  void resolve(MacroDefinition& n, const Frame& frame) {
    n.ref = frame.symbols.ref(n.name);
    resolve(n.function, frame);
  }
  void resolve(CallBlock& n, const Frame& frame) {
    resolve(n.call, frame);
    resolve(n.function, frame);
  }
  void resolve(GenerationBlock& n, const Frame& frame) { resolve(n.function, frame); }

  void resolve(Function& function, const Frame& frame) {
    FunctionSlots slots{.level = static_cast<uint16_t>(frame.symbols.function().level + 1)};
    Symbols symbols(&frame.symbols, &slots);
    for (Target& parameter : function.parameters) symbols.declare_parameter(parameter.name);
    for (ExprPtr& value : function.defaults) see(value, symbols);
    see(function.body, symbols);
    declare_special(function, symbols);
    const Frame inner = frame.function(symbols);
    for (Target& parameter : function.parameters) resolve_parameter(parameter, inner);
    for (ExprPtr& value : function.defaults) resolve(value, inner);
    resolve(function.body, inner);
    function.scope = symbols.starts();
    function.slots = count(slots);
  }

  // `caller`, `kwargs` and `varargs` become parameters of the functions that read them.
  void declare_special(Function& function, Symbols& symbols) {
    const auto is_parameter = [&](std::string_view name) {
      return std::any_of(function.parameters.begin(), function.parameters.end(),
                         [&](const Target& p) { return p.name == name; });
    };
    const std::set<std::string> read = SpecialNames({"caller", "kwargs", "varargs"}).read_in(function.body);
    const auto declare_read = [&](const std::string& name, std::optional<uint16_t>& slot) {
      if (read.contains(name) && !is_parameter(name)) slot = symbols.declare_parameter(name);
    };
    declare_read("caller", function.caller);
    declare_read("kwargs", function.kwargs);
    declare_read("varargs", function.varargs);
    const size_t required = function.parameters.size() - function.defaults.size();
    for (size_t i = 0; i < required; ++i)
      if (function.parameters[i].name == "caller" && read.contains("caller"))
        refuse_at(line_, "the parameter 'caller' must have a default");
  }

  void resolve(For& n, const Frame& frame) {
    Frame outer = frame;
    outer.in_for = true;
    resolve(n.iterable, outer);
    Symbols& around = frame.symbols;
    FunctionSlots own{.level = static_cast<uint16_t>(around.function().level + 1)};
    FunctionSlots* slots = n.is_recursive ? &own : &around.function();

    Symbols body(&around, slots), otherwise(&around, slots), test(&around, &around.function());
    if (n.is_recursive || SpecialNames({"loop"}).read_in(n.body).contains("loop"))
      n.loop = body.declare_parameter("loop");
    declare(n.target, body);
    see(n.body, body);
    see(n.otherwise, otherwise);
    declare(n.test_target, test);
    see(n.test, test);

    Frame in_body = outer.inner(body);
    in_body.in_loop = true;
    Frame in_else = outer.inner(otherwise);
    if (n.is_recursive) in_else.in_loop = false;
    resolve(n.target, in_body);
    resolve(n.body, in_body);
    resolve(n.otherwise, in_else);
    resolve(n.test_target, outer.inner(test));
    resolve(n.test, outer.inner(test));
    n.scope = body.starts();
    n.else_scope = otherwise.starts();
    n.test_scope = test.starts();
    if (n.is_recursive) n.slots = count(own);
  }

  std::optional<Error> error_;
  uint32_t line_ = 1;
  size_t copied_ = 0;
};

}  // namespace

Result<void> resolve_names(Tree& tree) { return Resolver().run(tree); }

}  // namespace hearth::text::jinja
