#pragma once
// The syntax tree of a template. Names are resolved to slots (scope.h) before the tree is used.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/jinja/value/value.h"

namespace hearth::text::jinja {

// Levels of expressions and of blocks; more are refused, so that no recursion over the tree can exhaust the stack.
constexpr uint32_t kMaxNesting = 200;

// Where a variable lives: `up` functions out from the one that runs, at place `slot` of its activation.
struct Ref {
  uint16_t up = 0, slot = 0;
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr more_positional, more_named;  // *args, **kwargs
};

enum class BinaryOp : uint8_t { kAdd, kSubtract, kMultiply, kDivide, kFloorDivide, kModulo, kPower };
enum class UnaryOp : uint8_t { kNot, kNegate, kPlus };
enum class CompareOp : uint8_t { kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kIn, kNotIn };

struct Constant {
  Value value;
};
struct Name {
  std::string name;
  Ref ref;
  Value if_missing;
};
struct TupleDisplay {
  std::vector<ExprPtr> items;
};
struct ListDisplay {
  std::vector<ExprPtr> items;
};
struct DictDisplay {
  std::vector<std::pair<ExprPtr, ExprPtr>> entries;
};
struct GetAttribute {
  ExprPtr object;
  std::string name;
};
struct GetItem {
  ExprPtr object, key;
};
struct Slice {
  ExprPtr object, start, stop, step;
};  // each of the last three may be absent
struct Call {
  ExprPtr callee;
  CallArguments arguments;
};
struct FilterCall {
  ExprPtr subject;
  std::string name;
  CallArguments arguments;
};  // no subject: a block's output
struct TestCall {
  ExprPtr subject;
  std::string name;
  CallArguments arguments;
};
struct Unary {
  UnaryOp op;
  ExprPtr operand;
};
struct Binary {
  BinaryOp op;
  ExprPtr left, right;
};
struct Logical {
  bool is_and;
  ExprPtr left, right;
};
struct Concatenation {
  std::vector<ExprPtr> parts;
};
struct Comparison {
  ExprPtr first;
  std::vector<std::pair<CompareOp, ExprPtr>> rest;
};
struct Conditional {
  ExprPtr condition, then, otherwise;
};  // `otherwise` may be absent

struct Expr {
  std::variant<Constant, Name, TupleDisplay, ListDisplay, DictDisplay, GetAttribute, GetItem, Slice, Call, FilterCall,
               TestCall, Unary, Binary, Logical, Concatenation, Comparison, Conditional>
      node;
  uint32_t line = 1;
  uint32_t depth = 1;  // levels of expressions, this one included
};

// What an assignment stores to: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
  std::string name;
  std::optional<std::string> attribute;
  Ref ref;
  bool is_tuple = false;
  std::vector<Target> items;
};

// What entering a scope does to one of its variables before anything runs.
struct SlotStart {
  enum class Kind : uint8_t { kMissing, kGlobal, kOuter } kind = Kind::kMissing;
  uint16_t slot = 0;
  Ref outer;         // kOuter: the variable of an enclosing scope that it starts as
  std::string name;  // kGlobal
};
using Scope = std::vector<SlotStart>;

struct Stmt;
using Body = std::vector<Stmt>;

// A body with its own activation: a macro, the body of a call block, a recursive loop.
struct Function {
  std::vector<Target> parameters;
  std::vector<ExprPtr> defaults;  // of the last parameters
  Body body;
  Scope scope;
  uint16_t slots = 0;
  std::optional<uint16_t> caller, kwargs, varargs;  // slots of the special variables the body uses
};

struct PlainText {
  Traced text;
};
struct Output {
  ExprPtr value;
};
struct Set {
  Target target;
  ExprPtr value;
};
struct SetBlock {
  Target target;
  ExprPtr filter;
  Scope scope;
  Body body;
};  // `filter` may be absent
struct If {
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};
struct For {
  Target target, test_target;  // the same names, in the body's scope and in the test's
  ExprPtr iterable, test;      // `test` may be absent
  bool is_recursive = false;
  bool has_else = false;
  std::optional<uint16_t> loop;  // slot of `loop`, where the body uses it
  uint16_t slots = 0;            // of the activation of a recursive loop
  Scope scope, test_scope, else_scope;
  Body body, otherwise;
};
struct MacroDefinition {
  std::string name;
  Ref ref;
  Function function;
};
struct CallBlock {
  ExprPtr call;
  Function function;
};
struct GenerationBlock {
  Function function;
};
struct FilterBlock {
  ExprPtr filter;
  Scope scope;
  Body body;
};
struct With {
  std::vector<Target> targets;
  std::vector<ExprPtr> values;
  Scope scope;
  Body body;
};
struct Break {};
struct Continue {};

struct Stmt {
  std::variant<PlainText, Output, Set, SetBlock, If, For, MacroDefinition, CallBlock, GenerationBlock, FilterBlock,
               With, Break, Continue>
      node;
  uint32_t line = 1;
};

struct Tree {
  Body body;
  Scope scope;
  uint16_t slots = 0;
};

}  // namespace hearth::text::jinja
