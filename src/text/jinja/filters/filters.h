#pragma once
// Filters: what may stand behind "|".
#include <optional>
#include <span>
#include <string_view>

#include "text/jinja/run/arguments.h"
#include "text/jinja/run/interpreter.h"

namespace hearth::text::jinja {

struct Filter {
  std::string_view name;
  // One of two: `bound` with arguments at the places of their parameters, `raw` where any number is taken.
  Signature signature{};
  Result<Value> (*bound)(Interpreter& run, const Value& subject, const Bound& arguments) = nullptr;
  Result<Value> (*raw)(Interpreter& run, const Value& subject, Arguments arguments) = nullptr;

  Result<Value> apply(Interpreter& run, const Value& subject, Arguments arguments) const;
};

const Filter* find_filter(std::string_view name);  // null where there is none

// The lists that make up the whole.
std::span<const Filter> text_filters();
std::span<const Filter> layout_filters();
std::span<const Filter> number_filters();
std::span<const Filter> sequence_filters();
std::span<const Filter> choice_filters();

// How filters with an `attribute` argument find what they mean: "a.b.0" in dicts, lists and objects.
// `fallback` stands for what is undefined, where there is one.
Result<Value> attribute_path(Interpreter& run, const Value& item, const Value& path,
                             const std::optional<Value>& fallback = std::nullopt);
// Errors: a path that is neither a string nor an integer.
Value ignoring_case(const Value& value);  // strings in lower case, everything else as it is
// A stable sort by key. Errors: keys that have no order.
Result<void> sort_by_keys(Interpreter& run, std::vector<Value>& items, const std::vector<Value>& keys, bool reverse);

}  // namespace hearth::text::jinja
