#pragma once
// Binding of a call's arguments to the parameters of a built-in filter, test, method or function, as Python does it.
#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "text/jinja/value/value.h"

namespace hearth::text::jinja {

// Names of parameters, in order; the first `required` must be given.
struct Signature {
  std::array<std::string_view, 6> parameters{};
  size_t required = 0;
  size_t count() const;
};

// A call's arguments by the position of their parameter.
class Bound {
 public:
  explicit Bound(std::vector<std::optional<Value>> values) : values_(std::move(values)) {}

  bool has(size_t i) const { return values_[i].has_value(); }
  const Value& operator[](size_t i) const { return *values_[i]; }  // of one that was given
  Value value_or(size_t i, Value fallback) const { return has(i) ? *values_[i] : fallback; }
  bool truthy_or(size_t i, bool fallback) const { return has(i) ? values_[i]->is_truthy() : fallback; }
  bool has_value(size_t i) const { return has(i) && !values_[i]->is_none(); }  // given, and not None
  // Errors: an argument of another type.
  Result<int64_t> integer_or(size_t i, int64_t fallback) const;
  Result<Traced> text_or(size_t i, std::string_view fallback) const;

 private:
  std::vector<std::optional<Value>> values_;
};

// Errors: too many, unknown, repeated or missing arguments, named with `function`.
Result<Bound> bind(std::string_view function, const Signature& signature, Arguments arguments);

}  // namespace hearth::text::jinja
