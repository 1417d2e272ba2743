#include "text/jinja/filters/filters.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "text/jinja/value/characters.h"

namespace hearth::text::jinja {

Result<Value> Filter::apply(Interpreter& run, const Value& subject, Arguments arguments) const {
  if (raw != nullptr) return raw(run, subject, std::move(arguments));
  HEARTH_TRY(by_parameter, bind(name, signature, std::move(arguments)));
  return bound(run, subject, by_parameter);
}

const Filter* find_filter(std::string_view name) {
  for (const auto list : {text_filters(), layout_filters(), number_filters(), sequence_filters(), choice_filters()}) {
    const auto found =
        std::find_if(list.begin(), list.end(), [&](const Filter& filter) { return filter.name == name; });
    if (found != list.end()) return &*found;
  }
  return nullptr;
}

Result<Value> attribute_path(Interpreter& run, const Value& item, const Value& path,
                             const std::optional<Value>& fallback) {
  Value value = item;
  const auto step = [&](const Value& key) -> Result<void> {
    HEARTH_TRY(next, run.item(value, key));
    value = next.is_undefined() && fallback ? *fallback : std::move(next);
    return {};
  };
  if (path.is_none()) return value;
  if (!path.is_string()) {
    HEARTH_TRY_VOID(step(path));
    return value;
  }
  std::string_view rest = path.bytes();
  while (true) {
    const size_t dot = std::min(rest.find('.'), rest.size());
    const std::string_view part = rest.substr(0, dot);
    int64_t index = 0;
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index =
        !part.empty() && part[0] != '-' && parsed.ec == std::errc() && parsed.ptr == part.data() + part.size();
    HEARTH_TRY_VOID(step(is_index ? Value(index) : Value::literal(part)));
    if (dot == rest.size()) return value;
    rest.remove_prefix(dot + 1);
  }
}

Value ignoring_case(const Value& value) {
  return value.is_string() ? Value(Traced::literal(to_lower(value.bytes()))) : value;
}

Result<void> sort_by_keys(Interpreter& run, std::vector<Value>& items, const std::vector<Value>& keys, bool reverse) {
  uint64_t weight = 1;
  for (const Value& key : keys) weight += key.extent().weight;
  HEARTH_TRY_VOID(run.spend(4 * weight));
  std::vector<size_t> places(items.size());
  std::iota(places.begin(), places.end(), 0);
  std::optional<Error> error;
  const auto before = [&](size_t a, size_t b) {
    const Result<bool> is_less = reverse ? less(keys[b], keys[a]) : less(keys[a], keys[b]);
    if (!is_less && !error) error = is_less.error();
    return is_less.value_or(false);
  };
  // Merging is safe where the order is inconsistent (NaN), which other sorts are not.
  std::stable_sort(places.begin(), places.end(), before);
  if (error) return std::unexpected(std::move(*error));
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (const size_t place : places) sorted.push_back(std::move(items[place]));
  items = std::move(sorted);
  return {};
}

}  // namespace hearth::text::jinja
