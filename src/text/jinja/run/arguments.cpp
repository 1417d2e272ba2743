#include "text/jinja/run/arguments.h"

#include <algorithm>

namespace hearth::text::jinja {

size_t Signature::count() const {
  return static_cast<size_t>(std::find(parameters.begin(), parameters.end(), std::string_view()) - parameters.begin());
}

Result<int64_t> Bound::integer_or(size_t i, int64_t fallback) const {
  if (!has(i)) return fallback;
  const Value& value = *values_[i];
  if (value.is_undefined()) return refuse(value.undefined_reason());
  if (!value.is_integral()) return refuse("expected an integer, got a value of type {}", value.type_name());
  return value.integer();
}

Result<Traced> Bound::text_or(size_t i, std::string_view fallback) const {
  if (!has(i)) return Traced::literal(std::string(fallback));
  const Value& value = *values_[i];
  if (value.is_undefined()) return refuse(value.undefined_reason());
  if (!value.is_string()) return refuse("expected a string, got a value of type {}", value.type_name());
  return value.text();
}

Result<Bound> bind(std::string_view function, const Signature& signature, Arguments arguments) {
  const size_t count = signature.count();
  if (arguments.positional.size() > count)
    return refuse("'{}' takes at most {} arguments, not {}", function, count, arguments.positional.size());
  std::vector<std::optional<Value>> values(count);
  std::move(arguments.positional.begin(), arguments.positional.end(), values.begin());
  for (auto& [name, value] : arguments.named) {
    const auto end = signature.parameters.begin() + static_cast<ptrdiff_t>(count);
    const auto found = std::find(signature.parameters.begin(), end, name);
    if (found == end) return refuse("'{}' takes no argument '{}'", function, name);
    std::optional<Value>& place = values[static_cast<size_t>(found - signature.parameters.begin())];
    if (place) return refuse("'{}' was given its argument '{}' twice", function, name);
    place = std::move(value);
  }
  for (size_t i = 0; i < signature.required; ++i)
    if (!values[i]) return refuse("'{}' misses its argument '{}'", function, signature.parameters[i]);
  return Bound(std::move(values));
}

}  // namespace hearth::text::jinja
