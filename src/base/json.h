#pragma once
// JSON values, parsed strictly (UTF-8, bounded depth, no duplicate keys) and kept in file order.
// Integers stay exact: as 64 signed bits where they fit, else as their digits. Every other number is a double.
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hearth {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;  // file order; find() is linear, iterate large objects

  // An integer that 64 signed bits do not hold, digit for digit: "-" or nothing, then no leading zeros.
  struct BigInteger {
    std::string digits;
    bool operator==(const BigInteger&) const = default;
  };

  static constexpr size_t kMaxDepth = 128;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool v) : value_(v) {}
  Json(int v) : value_(int64_t{v}) {}
  Json(unsigned v) : value_(int64_t{v}) {}
  Json(int64_t v) : value_(v) {}
  Json(size_t v) : value_(static_cast<int64_t>(v)) {}
  Json(double v) : value_(v) {}
  Json(BigInteger v) : value_(std::move(v)) {}
  Json(const char* v) : value_(std::string(v)) {}
  Json(std::string_view v) : value_(std::string(v)) {}
  Json(std::string v) : value_(std::move(v)) {}
  Json(Array v) : value_(std::move(v)) {}
  Json(Object v) : value_(std::move(v)) {}
  static Json object(std::initializer_list<Member> members = {}) { return Json(Object(members)); }
  static Json array() { return Json(Array{}); }

  // Errors: kBadFile with the byte offset and what was expected, kTooLarge for more values than that: each takes many times the bytes
  // that it may have in the text.
  static Result<Json> parse(std::string_view text, size_t most_values = SIZE_MAX);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(value_); }  // of 64 bits
  bool is_big_integer() const { return std::holds_alternative<BigInteger>(value_); }
  bool is_number() const { return is_integer() || is_big_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  std::string_view type_name() const;  // "an object", "a string", ... for error sentences

  // The value; HEARTH_CHECKs the type, so ask first.
  bool as_bool() const;
  int64_t as_integer() const;
  double as_number() const;  // integers convert
  const std::string& as_digits() const;  // of a big integer
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;
  Array& as_array();
  Object& as_object();

  // Member of an object, or null if absent or if this is no object.
  const Json* find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key) != nullptr; }

  // Required members. Errors name the key and the type found.
  Result<std::string> text(std::string_view key) const;
  Result<int64_t> integer(std::string_view key) const;
  Result<double> number(std::string_view key) const;
  Result<bool> boolean(std::string_view key) const;

  // Optional members: the fallback where the key is absent, null or of another type.
  std::string text_or(std::string_view key, std::string_view fallback) const;
  int64_t integer_or(std::string_view key, int64_t fallback) const;
  double number_or(std::string_view key, double fallback) const;
  bool boolean_or(std::string_view key, bool fallback) const;

  // Adds or replaces a member; this must be an object (or null, which becomes one).
  Json& set(std::string_view key, Json value);
  void push(Json value);  // appends; this must be an array (or null, which becomes one)

  // Compact when indent is 0. Invalid UTF-8 becomes U+FFFD; non-finite numbers become null; the others are written as Python does.
  std::string dump(int indent = 0) const;

  bool operator==(const Json&) const = default;

 private:
  std::variant<std::monostate, bool, int64_t, BigInteger, double, std::string, Array, Object> value_;
};

// The shortest decimal that reads back as this finite number, as Python writes it: 0.1, 100000.0, 1e+16.
std::string float_text(double number);

}  // namespace hearth
