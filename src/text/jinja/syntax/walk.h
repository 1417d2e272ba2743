#pragma once
// Visiting the children of a syntax node, in Jinja2's order.
#include "text/jinja/syntax/ast.h"

namespace hearth::text::jinja {

template <class Visit>
void for_each_child(CallArguments& arguments, Visit&& visit) {
  for (ExprPtr& value : arguments.positional) visit(*value);
  for (auto& [name, value] : arguments.named) visit(*value);
  if (arguments.more_positional) visit(*arguments.more_positional);
  if (arguments.more_named) visit(*arguments.more_named);
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

// Calls visit(Expr&) for each direct child of an expression.
template <class Visit>
void for_each_child(Expr& expr, Visit&& visit) {
  const auto one = [&](ExprPtr& child) {
    if (child) visit(*child);
  };
  const auto all = [&](std::vector<ExprPtr>& children) {
    for (ExprPtr& child : children) visit(*child);
  };
  std::visit(Overloaded{[](Constant&) {}, [](Name&) {}, [&](TupleDisplay& n) { all(n.items); },
                        [&](ListDisplay& n) { all(n.items); },
                        [&](DictDisplay& n) {
                          for (auto& [key, value] : n.entries) one(key), one(value);
                        },
                        [&](GetAttribute& n) { one(n.object); }, [&](GetItem& n) { one(n.object), one(n.key); },
                        [&](Slice& n) { one(n.object), one(n.start), one(n.stop), one(n.step); },
                        [&](Call& n) { one(n.callee), for_each_child(n.arguments, visit); },
                        [&](FilterCall& n) { one(n.subject), for_each_child(n.arguments, visit); },
                        [&](TestCall& n) { one(n.subject), for_each_child(n.arguments, visit); },
                        [&](Unary& n) { one(n.operand); }, [&](Binary& n) { one(n.left), one(n.right); },
                        [&](Logical& n) { one(n.left), one(n.right); }, [&](Concatenation& n) { all(n.parts); },
                        [&](Comparison& n) {
                          one(n.first);
                          for (auto& [op, operand] : n.rest) one(operand);
                        },
                        [&](Conditional& n) { one(n.condition), one(n.then), one(n.otherwise); }},
             expr.node);
}

}  // namespace hearth::text::jinja
