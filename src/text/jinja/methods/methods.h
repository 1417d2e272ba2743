#pragma once
// The methods of Python's strings, lists, tuples and dicts that a template may call.
#include <optional>
#include <span>
#include <string_view>

#include "text/jinja/run/arguments.h"
#include "text/jinja/run/objects.h"

namespace hearth::text::jinja {

struct Method {
  std::string_view name;
  BuiltIn::Body body;
};

// The method bound to the value; undefined, with a reason, for what would change it or is private; nothing where the
// type has no such method.
std::optional<Value> find_method(const Value& self, std::string_view name);

// `text` in a field of `width` characters: align < > or ^.
Result<Traced> justified(Interpreter& run, const Traced& text, int64_t width, char align, std::string_view fill);
// str.replace, at most `limit` times unless it is negative.
Result<Traced> replaced(Interpreter& run, const Traced& text, std::string_view old_bytes, const Traced& replacement,
                        int64_t limit);

std::span<const Method> string_methods();
std::span<const Method> string_split_methods();

}  // namespace hearth::text::jinja
