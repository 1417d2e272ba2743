#pragma once
// A parsed template: the one entrance to this folder.
#include <string_view>

#include "text/jinja/run/interpreter.h"
#include "text/jinja/syntax/ast.h"

namespace hearth::text::jinja {

constexpr size_t kMaxTemplateBytes = size_t{1} << 20;

// Immutable; render() may run in several threads.
class Template {
 public:
  // Errors: kBadFile with the line and what was expected; kUnsupported names a tag that chat templates cannot use.
  static Result<Template> parse(std::string_view source);

  // Errors: kInvalidArgument with the line.
  Result<Traced> render(const Variables& variables, int64_t now_unix, const Limits& limits = {}) const;

  const Tree& tree() const { return tree_; }

 private:
  explicit Template(Tree tree) : tree_(std::move(tree)) {}
  Tree tree_;
};

}  // namespace hearth::text::jinja
