#pragma once
// What a template computes with: Python's plain values. Strings, lists, tuples and dicts are immutable and shared, so
// copies are cheap and cycles are impossible; everything else (namespaces, loops, macros, iterators) is an Object.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "text/jinja/value/traced.h"

namespace hearth::text::jinja {

class Value;
class Interpreter;

// How large a value is when written out as a tree, shared parts counted each time they occur: what printing, comparing
// and destroying it costs. Values beyond these bounds are refused, so those operations need no bounds of their own.
struct Extent {
  uint32_t depth = 0;   // levels of containers
  uint64_t weight = 1;  // values, and one for every 16 bytes of text

  void hold(const Extent& child);  // grows by a value it contains
};
constexpr uint32_t kMaxValueDepth = 100;
constexpr uint64_t kMaxValueWeight = uint64_t{1} << 23;
constexpr size_t kMaxTextBytes = size_t{kMaxValueWeight} * 16;

struct StringBody {
  Traced text;
  bool markup = false;  // Python's Markup: what is joined to it gets HTML-escaped
};

struct ListBody {
  std::vector<Value> items;
  Extent extent;
  bool is_group = false;  // of groupby: a pair whose halves are also called `grouper` and `list`
};

// A dict keeps insertion order; more than a few entries are found by binary search in `sorted_`.
class DictBody {
 public:
  using Entry = std::pair<Value, Value>;

  // Later values replace earlier ones under an equal key, at the earlier one's place. Keys must be hashable.
  explicit DictBody(std::vector<Entry> entries);

  const std::vector<Entry>& entries() const { return entries_; }
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  const Extent& extent() const { return extent_; }

 private:
  std::vector<Entry> entries_;
  std::vector<uint32_t> sorted_;  // entry numbers in key order; empty for small dicts
  Extent extent_;
};

// Positional and keyword arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

// Yields a sequence's values once. next() is nothing at the end, and stays so.
class Iterator {
 public:
  virtual ~Iterator() = default;
  virtual Result<std::optional<Value>> next(Interpreter& run) = 0;
};

// A value with behaviour. The defaults are those of an opaque Python object.
class Object : public std::enable_shared_from_this<Object> {
 public:
  explicit Object(const Extent& held = {}) { extent_.hold(held); }
  virtual ~Object() = default;
  const Extent& extent() const { return extent_; }

  virtual std::string_view type_name() const = 0;  // Python's name of the type, for error sentences
  virtual bool is_callable() const { return false; }
  virtual bool is_truthy() const { return true; }
  virtual bool is_hashable() const { return true; }
  virtual std::optional<size_t> length() const { return std::nullopt; }
  virtual bool is_sequence() const { return false; }  // has a length and subscripts
  virtual Result<Value> call(Interpreter& run, Arguments arguments);
  virtual Result<std::optional<Value>> attribute(Interpreter& run, std::string_view name);
  virtual std::optional<Value> item(const Value& key);
  virtual std::unique_ptr<Iterator> iterate() { return nullptr; }  // null: not iterable
  virtual bool equals(const Object& other) const { return this == &other; }
  virtual Traced repr() const;
  virtual void forget() {}  // drops what it holds, at the end of a rendering: objects can form cycles

 private:
  Extent extent_;
};

struct Undefined {
  std::shared_ptr<const std::string> why;  // the sentence of the error that using it gives; may be null
};
struct None {};
struct List {
  std::shared_ptr<const ListBody> body;
};
struct Tuple {
  std::shared_ptr<const ListBody> body;
};
// An integer that 64 bits do not hold: it is printed and compared exactly, and calculations with it are refused.
struct BigInteger {
  std::shared_ptr<const std::string> digits;
};

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, int64_t, BigInteger, double, std::shared_ptr<const StringBody>, List, Tuple,
                               std::shared_ptr<const DictBody>, std::shared_ptr<Object>>;

  Value() = default;  // undefined
  Value(bool v) : v_(v) {}
  Value(int64_t v) : v_(v) {}
  Value(double v) : v_(v) {}
  Value(Traced text, bool markup = false);
  Value(std::shared_ptr<Object> object) : v_(std::move(object)) {}
  static Value none() { return Value(Variant(None{})); }
  static Value undefined(std::string why);
  static Value literal(std::string_view text) { return Value(Traced::literal(std::string(text))); }
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items, bool is_group = false);
  static Value dict(std::vector<DictBody::Entry> entries);
  // JSON as Python reads it; its strings and keys count as input of the conversation where `input`.
  static Value from_json(const Json& json, bool input);

  bool is_undefined() const { return holds<Undefined>(); }
  bool is_none() const { return holds<None>(); }
  bool is_bool() const { return holds<bool>(); }
  bool is_int() const { return holds<int64_t>() || is_big_int(); }  // not a bool
  bool is_big_int() const { return holds<BigInteger>(); }
  bool is_float() const { return holds<double>(); }
  bool is_number() const { return is_bool() || is_int() || is_float(); }
  bool is_integral() const { return is_bool() || holds<int64_t>(); }  // integer() has it
  bool is_string() const { return holds<std::shared_ptr<const StringBody>>(); }
  bool is_markup() const { return is_string() && string_body().markup; }
  bool is_list() const { return holds<List>(); }
  bool is_tuple() const { return holds<Tuple>(); }
  bool is_dict() const { return holds<std::shared_ptr<const DictBody>>(); }
  bool is_object() const { return holds<std::shared_ptr<Object>>(); }

  // The value; the type must have been asked for.
  const Traced& text() const { return string_body().text; }
  const std::string& bytes() const { return string_body().text.bytes(); }
  const std::vector<Value>& items() const;  // of a list or tuple
  const DictBody& dict() const { return *std::get<std::shared_ptr<const DictBody>>(v_); }
  const std::shared_ptr<const DictBody>& dict_body() const { return std::get<std::shared_ptr<const DictBody>>(v_); }
  Object& object() const { return *std::get<std::shared_ptr<Object>>(v_); }
  const std::shared_ptr<Object>& object_ref() const { return std::get<std::shared_ptr<Object>>(v_); }
  int64_t integer() const {
    return is_bool() ? int64_t{std::get<bool>(v_)} : std::get<int64_t>(v_);
  }  // of an int that is not big, or a bool
  std::string digits() const { return is_big_int() ? *std::get<BigInteger>(v_).digits : std::to_string(integer()); }  // of an int
  bool boolean() const { return std::get<bool>(v_); }
  double number() const;
  std::string undefined_reason() const;

  template <class T>
  T* as() const {  // the object as a T, or null
    return is_object() ? dynamic_cast<T*>(&object()) : nullptr;
  }

  std::string_view type_name() const;  // Python's: "str", "dict", "NoneType", ...
  bool is_truthy() const;
  bool is_hashable() const;
  bool is_group() const { return is_tuple() && std::get<Tuple>(v_).body->is_group; }
  Extent extent() const;
  std::optional<size_t> length() const;  // as len() has it

  const Variant& variant() const { return v_; }

 private:
  explicit Value(Variant v) : v_(std::move(v)) {}
  template <class T>
  bool holds() const {
    return std::holds_alternative<T>(v_);
  }
  const StringBody& string_body() const { return *std::get<std::shared_ptr<const StringBody>>(v_); }

  Variant v_;
};

inline Failure refuse(std::string message) {
  return Failure(Error{ErrorCode::kInvalidArgument, std::move(message), {}});
}
template <class... Args>
Failure refuse(fmt::format_string<Args...> format, Args&&... args) {
  return fail(ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

bool equal(const Value& a, const Value& b);  // Python's ==
// Python's a < b. Errors: the two types have no order.
Result<bool> less(const Value& a, const Value& b);
// A total order of hashable values in which equal keys (1, 1.0, true) compare equal: -1, 0, 1.
int compare_keys(const Value& a, const Value& b);

}  // namespace hearth::text::jinja
