#pragma once
// Tests: what may stand behind `is`.
#include <string_view>

#include "text/jinja/run/interpreter.h"

namespace hearth::text::jinja {

struct Predicate {
  std::string_view name;
  size_t arguments;  // how many, besides the subject
  Result<bool> (*holds)(Interpreter& run, const Value& subject, const Value& argument);

  Result<bool> apply(Interpreter& run, const Value& subject, Arguments arguments) const;
};

const Predicate* find_predicate(std::string_view name);  // null where there is none

}  // namespace hearth::text::jinja
