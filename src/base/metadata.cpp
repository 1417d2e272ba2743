#include "base/metadata.h"

#include <cmath>
#include <limits>
#include <optional>

namespace hearth {

namespace {

Failure wrong_type(std::string_view key, const Metadata::Value* found, std::string_view wanted) {
  if (found == nullptr) return fail(ErrorCode::kBadFile, "metadata key '{}' is missing; it must be {}", key, wanted);
  return fail(ErrorCode::kBadFile, "metadata key '{}' is {}; it must be {}", key, type_name(*found), wanted);
}

std::optional<int64_t> integer_of(const Metadata::Value* v) {
  if (v == nullptr) return {};
  if (const auto* i = std::get_if<int64_t>(v)) return *i;
  if (const auto* u = std::get_if<uint64_t>(v); u != nullptr && *u <= uint64_t{std::numeric_limits<int64_t>::max()})
    return static_cast<int64_t>(*u);
  if (const auto* d = std::get_if<double>(v); d != nullptr && *d == std::floor(*d) && std::abs(*d) < 9e15)
    return static_cast<int64_t>(*d);
  return {};
}

std::optional<double> number_of(const Metadata::Value* v) {
  if (v == nullptr) return {};
  if (const auto* d = std::get_if<double>(v)) return *d;
  if (const auto* i = std::get_if<int64_t>(v)) return static_cast<double>(*i);
  if (const auto* u = std::get_if<uint64_t>(v)) return static_cast<double>(*u);
  return {};
}

template <class T>
std::span<const T> array_of(const Metadata::Value* v) {
  const auto* array = v == nullptr ? nullptr : std::get_if<std::vector<T>>(v);
  return array == nullptr ? std::span<const T>{} : std::span<const T>(*array);
}

}  // namespace

void Metadata::set(std::string key, Value value) {
  for (auto& entry : entries_)
    if (entry.first == key) {
      entry.second = std::move(value);
      return;
    }
  entries_.emplace_back(std::move(key), std::move(value));
}

const Metadata::Value* Metadata::find(std::string_view key) const {
  for (const auto& entry : entries_)
    if (entry.first == key) return &entry.second;
  return nullptr;
}

Result<std::string> Metadata::text(std::string_view key) const {
  const Value* v = find(key);
  if (const auto* s = v == nullptr ? nullptr : std::get_if<std::string>(v)) return *s;
  return wrong_type(key, v, "a string");
}
Result<int64_t> Metadata::integer(std::string_view key) const {
  const Value* v = find(key);
  if (const auto i = integer_of(v)) return *i;
  return wrong_type(key, v, "an integer");
}
Result<double> Metadata::number(std::string_view key) const {
  const Value* v = find(key);
  if (const auto d = number_of(v)) return *d;
  return wrong_type(key, v, "a number");
}
Result<bool> Metadata::boolean(std::string_view key) const {
  const Value* v = find(key);
  if (const auto* b = v == nullptr ? nullptr : std::get_if<bool>(v)) return *b;
  return wrong_type(key, v, "true or false");
}

std::string Metadata::text_or(std::string_view key, std::string_view fallback) const {
  return text(key).value_or(std::string(fallback));
}
int64_t Metadata::integer_or(std::string_view key, int64_t fallback) const {
  return integer_of(find(key)).value_or(fallback);
}
double Metadata::number_or(std::string_view key, double fallback) const { return number_of(find(key)).value_or(fallback); }
bool Metadata::boolean_or(std::string_view key, bool fallback) const {
  const Value* v = find(key);
  const auto* b = v == nullptr ? nullptr : std::get_if<bool>(v);
  return b == nullptr ? fallback : *b;
}

std::span<const std::string> Metadata::texts(std::string_view key) const { return array_of<std::string>(find(key)); }
std::span<const int64_t> Metadata::integers(std::string_view key) const { return array_of<int64_t>(find(key)); }
std::span<const double> Metadata::numbers(std::string_view key) const { return array_of<double>(find(key)); }
std::vector<bool> Metadata::booleans(std::string_view key) const {
  const Value* v = find(key);
  const auto* array = v == nullptr ? nullptr : std::get_if<std::vector<bool>>(v);
  return array == nullptr ? std::vector<bool>{} : *array;
}

std::string_view type_name(const Metadata::Value& value) {
  static constexpr std::string_view kNames[] = {"a boolean",
                                                "an integer",
                                                "an unsigned integer",
                                                "a number",
                                                "a string",
                                                "an array of booleans",
                                                "an array of integers",
                                                "an array of numbers",
                                                "an array of strings"};
  return kNames[value.index()];
}

}  // namespace hearth
