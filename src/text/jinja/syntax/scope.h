#pragma once
// Names to slots, as Jinja2's compiler does it: which variable a name means is settled from the text of the template,
// not while it runs. Three consequences that templates depend on: assignments inside a loop end with the iteration,
// `if` opens no scope, and a name first read before a later assignment starts as the variable handed to the template.
#include "text/jinja/syntax/ast.h"

namespace hearth::text::jinja {

// Also refuses what Jinja2 refuses when it compiles: break outside of a loop, assigning to `loop`, and filters or tests
// that do not exist (outside of conditions, where Jinja2 waits until they are used).
Result<void> resolve_names(Tree& tree);

}  // namespace hearth::text::jinja
