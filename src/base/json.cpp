#include "base/json.h"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <unordered_set>

#include "base/check.h"
#include "base/utf8.h"

namespace hearth {

namespace {

namespace sj = simdjson;

Failure bad(const char* at, const char* begin, std::string_view why) {
  return fail(ErrorCode::kBadFile, "invalid JSON at byte {}: {}", at - begin, why);
}

// Walks simdjson's on-demand document into our own tree. On-demand leaves numbers as text until asked, so integers too
// large for 64 bits (Hugging Face writes 1e30 as an integer) keep their digits instead of being errors.
class TreeBuilder {
 public:
  explicit TreeBuilder(size_t most_values) : values_left(most_values) {}

  template <class Value>
  sj::error_code build(Value& value, Json& out, size_t depth) {
    if (depth > Json::kMaxDepth) return sj::DEPTH_ERROR;
    if (values_left == 0) return is_too_large = true, sj::CAPACITY;
    --values_left;
    sj::ondemand::json_type type;
    if (auto e = value.type().get(type)) return e;
    switch (type) {
      case sj::ondemand::json_type::object: return build_object(value, out, depth);
      case sj::ondemand::json_type::array: return build_array(value, out, depth);
      case sj::ondemand::json_type::string: {
        std::string_view text;
        if (auto e = value.get_string().get(text)) return e;
        out = Json(text);
        return sj::SUCCESS;
      }
      case sj::ondemand::json_type::number: return build_number(value, out);
      case sj::ondemand::json_type::boolean: {
        bool flag = false;
        if (auto e = value.get_bool().get(flag)) return e;
        out = Json(flag);
        return sj::SUCCESS;
      }
      case sj::ondemand::json_type::null: {
        bool null = false;
        if (auto e = value.is_null().get(null)) return e;
        return null ? sj::SUCCESS : sj::N_ATOM_ERROR;
      }
    }
    return sj::INCORRECT_TYPE;
  }

  std::string duplicate;  // set when a key stood twice
  bool is_too_large = false;
  size_t values_left;

 private:
  template <class Value>
  sj::error_code build_object(Value& value, Json& out, size_t depth) {
    sj::ondemand::object object;
    if (auto e = value.get_object().get(object)) return e;
    Json::Object members;
    for (auto field : object) {
      std::string_view key;
      if (auto e = field.unescaped_key().get(key)) return e;
      members.emplace_back(std::string(key), Json());
      sj::ondemand::value child;
      if (auto e = field.value().get(child)) return e;
      if (auto e = build(child, members.back().second, depth + 1)) return e;
    }
    if (!unique(members)) return sj::TAPE_ERROR;
    out = Json(std::move(members));
    return sj::SUCCESS;
  }

  template <class Value>
  sj::error_code build_array(Value& value, Json& out, size_t depth) {
    sj::ondemand::array array;
    if (auto e = value.get_array().get(array)) return e;
    Json::Array items;
    for (auto item : array) {
      sj::ondemand::value child;
      if (auto e = item.get(child)) return e;
      if (auto e = build(child, items.emplace_back(), depth + 1)) return e;
    }
    out = Json(std::move(items));
    return sj::SUCCESS;
  }

  template <class Value>
  sj::error_code build_number(Value& value, Json& out) {
    // Documents and values differ in whether raw_json_token() is wrapped in a result.
    std::string_view token = sj::simdjson_result<std::string_view>(value.raw_json_token()).value_unsafe();
    while (!token.empty() && token.find_last_of(" \t\r\n") == token.size() - 1) token.remove_suffix(1);
    if (!well_formed_number(token)) return sj::NUMBER_ERROR;
    int64_t integer = 0;
    if (auto e = value.get_int64().get(integer); !e) {
      out = Json(integer);
      return sj::SUCCESS;
    }
    std::string digits(token);
    double consumed = 0;  // tells simdjson that this value was read; large integers fail here, and the token stands
    [[maybe_unused]] auto ignored = value.get_double().get(consumed);
    if (token.find_first_of(".eE") == token.npos) out = Json(Json::BigInteger{std::move(digits)});
    else out = Json(std::strtod(digits.c_str(), nullptr));
    return sj::SUCCESS;
  }

  static bool well_formed_number(std::string_view t) {
    auto digits = [&] {
      size_t n = 0;
      while (n < t.size() && t[n] >= '0' && t[n] <= '9') ++n;
      t.remove_prefix(n);
      return n;
    };
    if (t.starts_with('-')) t.remove_prefix(1);
    if (t.starts_with('0')) t.remove_prefix(1);
    else if (digits() == 0) return false;
    if (t.starts_with('.')) {
      t.remove_prefix(1);
      if (digits() == 0) return false;
    }
    if (t.starts_with('e') || t.starts_with('E')) {
      t.remove_prefix(1);
      if (t.starts_with('+') || t.starts_with('-')) t.remove_prefix(1);
      if (digits() == 0) return false;
    }
    return t.empty();
  }

  bool unique(const Json::Object& members) {
    if (members.size() <= 16) {
      for (size_t i = 1; i < members.size(); ++i)
        for (size_t j = 0; j < i; ++j)
          if (members[i].first == members[j].first) return duplicate = members[i].first, false;
      return true;
    }
    std::unordered_set<std::string_view> seen;
    seen.reserve(members.size());
    for (const auto& member : members)
      if (!seen.insert(member.first).second) return duplicate = member.first, false;
    return true;
  }

};

void write_string(std::string_view raw, std::string& out) {
  const std::string valid = utf8::sanitize(raw);
  out += '"';
  for (const char c : valid) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) out += fmt::format("\\u{:04x}", static_cast<int>(c));
        else out += c;
    }
  }
  out += '"';
}

void newline(int indent, size_t depth, std::string& out) {
  if (indent == 0) return;
  out += '\n';
  out.append(static_cast<size_t>(indent) * depth, ' ');
}

void write(const Json& v, int indent, size_t depth, std::string& out) {
  if (v.is_null()) {
    out += "null";
  } else if (v.is_bool()) {
    out += v.as_bool() ? "true" : "false";
  } else if (v.is_integer()) {
    out += std::to_string(v.as_integer());
  } else if (v.is_big_integer()) {
    out += v.as_digits();
  } else if (v.is_number()) {
    out += std::isfinite(v.as_number()) ? float_text(v.as_number()) : "null";
  } else if (v.is_string()) {
    write_string(v.as_string(), out);
  } else if (v.is_array()) {
    out += '[';
    for (size_t i = 0; i < v.as_array().size(); ++i) {
      if (i != 0) out += ',';
      newline(indent, depth + 1, out);
      write(v.as_array()[i], indent, depth + 1, out);
    }
    if (!v.as_array().empty()) newline(indent, depth, out);
    out += ']';
  } else {
    out += '{';
    bool first = true;
    for (const auto& [key, child] : v.as_object()) {
      if (!first) out += ',';
      first = false;
      newline(indent, depth + 1, out);
      write_string(key, out);
      out += indent == 0 ? ":" : ": ";
      write(child, indent, depth + 1, out);
    }
    if (!v.as_object().empty()) newline(indent, depth, out);
    out += '}';
  }
}

Failure wrong_type(std::string_view key, const Json* found, std::string_view wanted) {
  if (found == nullptr) return fail(ErrorCode::kBadFile, "'{}' is missing; it must be {}", key, wanted);
  return fail(ErrorCode::kBadFile, "'{}' is {}; it must be {}", key, found->type_name(), wanted);
}

}  // namespace

Result<Json> Json::parse(std::string_view text, size_t most_values) {
  const sj::padded_string padded(text);
  sj::ondemand::parser parser;
  sj::ondemand::document document;
  const char* begin = padded.data();
  if (parser.allocate(padded.size(), kMaxDepth + 2)) return fail(ErrorCode::kBadFile, "JSON of {} bytes is too large", text.size());
  if (auto e = parser.iterate(padded).get(document)) return bad(begin, begin, sj::error_message(e));
  Json out;
  TreeBuilder builder(most_values);
  const sj::error_code error = builder.build(document, out, 0);
  const char* where = begin;
  if (error) {
    if (builder.is_too_large) return fail(ErrorCode::kTooLarge, "JSON of more than {} values", most_values);
    if (!builder.duplicate.empty()) return fail(ErrorCode::kBadFile, "invalid JSON: the key '{}' stands twice", builder.duplicate);
    [[maybe_unused]] auto ignored = document.current_location().get(where);
    return bad(where, begin, sj::error_message(error));
  }
  // Past the last token simdjson has no location to give; anywhere else something stands behind the value.
  if (document.current_location().get(where) == sj::SUCCESS) return bad(where, begin, "text follows the end of the value");
  return out;
}

std::string_view Json::type_name() const {
  static constexpr std::string_view kNames[] = {"null",     "a boolean", "an integer", "an integer beyond 64 signed bits",
                                                "a number", "a string",  "an array",   "an object"};
  return kNames[value_.index()];
}

bool Json::as_bool() const {
  HEARTH_CHECK(is_bool(), "JSON value is no boolean");
  return std::get<bool>(value_);
}
int64_t Json::as_integer() const {
  HEARTH_CHECK(is_integer(), "JSON value is no integer");
  return std::get<int64_t>(value_);
}
double Json::as_number() const {
  HEARTH_CHECK(is_number(), "JSON value is no number");
  if (is_big_integer()) return std::strtod(as_digits().c_str(), nullptr);
  return is_integer() ? static_cast<double>(std::get<int64_t>(value_)) : std::get<double>(value_);
}
const std::string& Json::as_digits() const {
  HEARTH_CHECK(is_big_integer(), "JSON value is no big integer");
  return std::get<BigInteger>(value_).digits;
}
const std::string& Json::as_string() const {
  HEARTH_CHECK(is_string(), "JSON value is no string");
  return std::get<std::string>(value_);
}
const Json::Array& Json::as_array() const {
  HEARTH_CHECK(is_array(), "JSON value is no array");
  return std::get<Array>(value_);
}
const Json::Object& Json::as_object() const {
  HEARTH_CHECK(is_object(), "JSON value is no object");
  return std::get<Object>(value_);
}
Json::Array& Json::as_array() {
  HEARTH_CHECK(is_array(), "JSON value is no array");
  return std::get<Array>(value_);
}
Json::Object& Json::as_object() {
  HEARTH_CHECK(is_object(), "JSON value is no object");
  return std::get<Object>(value_);
}

const Json* Json::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  for (const auto& [name, child] : as_object())
    if (name == key) return &child;
  return nullptr;
}

Result<std::string> Json::text(std::string_view key) const {
  const Json* found = find(key);
  if (found == nullptr || !found->is_string()) return wrong_type(key, found, "a string");
  return found->as_string();
}
Result<int64_t> Json::integer(std::string_view key) const {
  const Json* found = find(key);
  if (found == nullptr || !found->is_integer()) return wrong_type(key, found, "an integer");
  return found->as_integer();
}
Result<double> Json::number(std::string_view key) const {
  const Json* found = find(key);
  if (found == nullptr || !found->is_number()) return wrong_type(key, found, "a number");
  return found->as_number();
}
Result<bool> Json::boolean(std::string_view key) const {
  const Json* found = find(key);
  if (found == nullptr || !found->is_bool()) return wrong_type(key, found, "true or false");
  return found->as_bool();
}

std::string Json::text_or(std::string_view key, std::string_view fallback) const {
  const Json* found = find(key);
  return found != nullptr && found->is_string() ? found->as_string() : std::string(fallback);
}
int64_t Json::integer_or(std::string_view key, int64_t fallback) const {
  const Json* found = find(key);
  return found != nullptr && found->is_integer() ? found->as_integer() : fallback;
}
double Json::number_or(std::string_view key, double fallback) const {
  const Json* found = find(key);
  return found != nullptr && found->is_number() ? found->as_number() : fallback;
}
bool Json::boolean_or(std::string_view key, bool fallback) const {
  const Json* found = find(key);
  return found != nullptr && found->is_bool() ? found->as_bool() : fallback;
}

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object{};
  for (auto& [name, child] : as_object())
    if (name == key) return child = std::move(value);
  return as_object().emplace_back(std::string(key), std::move(value)).second;
}

void Json::push(Json value) {
  if (is_null()) value_ = Array{};
  as_array().push_back(std::move(value));
}

std::string Json::dump(int indent) const {
  std::string out;
  write(*this, indent, 0, out);
  return out;
}

std::string float_text(double number) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  const std::string_view scientific(buffer, end);
  const size_t e = scientific.find('e');
  int exponent = 0;
  std::from_chars(scientific.data() + e + (scientific[e + 1] == '+' ? 2 : 1), end, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(scientific);
  const auto fixed_end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr;
  std::string fixed(buffer, fixed_end);
  if (fixed.find('.') == std::string::npos) fixed += ".0";
  return fixed;
}

}  // namespace hearth
