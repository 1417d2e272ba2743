#pragma once
// Runs one rendering of a tree. Work, depth and sizes are bounded, so every template ends, with a text or with an
// error. Parsing and rendering need less than 2 MiB of stack.
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/syntax/ast.h"
#include "text/jinja/value/value.h"

namespace hearth::text::jinja {

struct Limits {
  uint64_t work = 40'000'000;        // nodes evaluated, items visited, one for 8 bytes of text made or returned, 16 looked through
  uint32_t depth = 1000;             // nested evaluations: statements, expressions, macro calls
  size_t output = size_t{64} << 20;  // bytes
};

// The variables of one call of a function. Kept until the end of the rendering where something refers to it.
struct Activation {
  Activation* outer = nullptr;
  std::vector<Value> slots;
  bool is_referred_to = false;
};

using Variables = std::map<std::string, Value, std::less<>>;
using IteratorPtr = std::unique_ptr<Iterator>;

class Interpreter {
 public:
  Interpreter(const Tree& tree, const Variables& variables, int64_t now_unix, Limits limits = {});
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // Errors: kInvalidArgument with the line: what the template refused or did wrong, or the bound it met.
  Result<Traced> render();

  // What filters, methods and objects need of the run.

  // Errors: the work of the whole rendering is above its bound.
  Result<void> spend(uint64_t units);
  // Call before building a text of so many bytes. Errors: too large.
  Result<void> spend_on_text(uint64_t bytes);
  Result<Value> call(const Value& callee, Arguments arguments);
  Result<Value> attribute(const Value& object, std::string_view name);  // object.name, undefined where absent
  Result<Value> item(const Value& object, const Value& key);            // object[key], undefined where absent
  Result<IteratorPtr> iterate(const Value& value);                      // errors: not iterable
  Result<std::vector<Value>> collect(const Value& value);               // list(value)
  Result<Value> apply_filter(std::string_view name, const Value& subject, Arguments arguments);
  Result<bool> apply_test(std::string_view name, const Value& subject, Arguments arguments);
  Result<Value> invoke(const Function& function, std::string_view name, Activation* outer, Arguments arguments);
  Result<Value> run_recursive_loop(const For& loop, Activation* outer, const Value& iterable, uint32_t depth);
  Result<bool> passes_test(const For& loop, Activation* activation, const Value& item);
  void own(std::shared_ptr<Object> object);  // told to forget() at the end
  int64_t now_unix() const { return now_unix_; }

 private:
  enum class Flow : uint8_t { kOn, kBreak, kContinue };
  class OutputCapture;
  class ActivationScope;

  // Statements
  Result<Flow> run(const Body& body);
  Result<Flow> run(const PlainText& node);
  Result<Flow> run(const Output& node);
  Result<Flow> run(const Set& node);
  Result<Flow> run(const SetBlock& node);
  Result<Flow> run(const If& node);
  Result<Flow> run(const For& node);
  Result<Flow> run(const MacroDefinition& node);
  Result<Flow> run(const CallBlock& node);
  Result<Flow> run(const GenerationBlock& node);
  Result<Flow> run(const FilterBlock& node);
  Result<Flow> run(const With& node);
  Result<Flow> run(const Break& node);
  Result<Flow> run(const Continue& node);
  Result<Flow> repeat(const For& node, Activation* outer, const Value& iterable, uint32_t depth);
  Result<void> bind_parameters(const Function& function, std::string_view name, Arguments& arguments);
  Result<void> default_parameters(const Function& function, const std::vector<bool>& is_given);
  Result<void> enter(const Scope& scope);
  Result<void> assign(const Target& target, const Value& value);
  Result<void> write(const Traced& text);

  // Expressions
  Result<Value> evaluate(const Expr& expr);
  Result<Value> evaluate(const Constant& node) { return node.value; }
  Result<Value> evaluate(const Name& node);
  Result<Value> evaluate(const TupleDisplay& node);
  Result<Value> evaluate(const ListDisplay& node);
  Result<Value> evaluate(const DictDisplay& node);
  Result<Value> evaluate(const GetAttribute& node);
  Result<Value> evaluate(const GetItem& node);
  Result<Value> evaluate(const Slice& node);
  Result<Value> evaluate(const Call& node);
  Result<Value> evaluate(const FilterCall& node);
  Result<Value> evaluate(const TestCall& node);
  Result<Value> evaluate(const Unary& node);
  Result<Value> evaluate(const Binary& node);
  Result<Value> evaluate(const Logical& node);
  Result<Value> evaluate(const Concatenation& node);
  Result<Value> evaluate(const Comparison& node);
  Result<Value> evaluate(const Conditional& node);
  Result<std::vector<Value>> evaluate_all(const std::vector<ExprPtr>& items);
  Result<Arguments> evaluate(const CallArguments& arguments);
  Result<Value> filtered(const Expr& filter, const Value& captured);
  Result<Value> accepted(Result<Value> value, uint32_t line);  // errors get their line; too large values are refused

  Value& slot(Ref ref);

  const Tree& tree_;
  const Variables& variables_;
  int64_t now_unix_;
  Limits limits_;
  uint64_t work_ = 0;
  uint32_t depth_ = 0;
  Traced* out_ = nullptr;
  Activation* activation_ = nullptr;
  const Value* captured_ = nullptr;  // what a block put out, for the filter that stands on the block
  std::vector<std::unique_ptr<Activation>> kept_;
  std::vector<std::shared_ptr<Object>> owned_;
};

}  // namespace hearth::text::jinja
