#include "text/jinja/run/format.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/jinja/run/number_format.h"
#include "text/jinja/value/markup.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

// The walk over "%(name)-05.2f" patterns.
class PercentFormatter {
 public:
  PercentFormatter(Interpreter& run, const Value& pattern, const Value& values)
      : run_(run), pattern_(pattern), values_(values), bytes_(pattern.bytes()) {}

  Result<Value> run() {
    while (at_ < bytes_.size()) {
      const size_t percent = std::min(bytes_.find('%', at_), bytes_.size());
      out_.append_slice(pattern_.text(), at_, percent);
      at_ = percent + 1;
      if (percent < bytes_.size()) HEARTH_TRY_VOID(conversion());
      HEARTH_TRY_VOID(run_.spend_on_text(out_.size()));
    }
    const size_t given = values_.is_tuple() ? values_.items().size() : 1;
    if (used_ < given && !may_go_unused()) return refuse("not all values were used in formatting a string");
    return Value(std::move(out_), pattern_.is_markup());
  }

 private:
  // Python takes everything with subscripts but tuples and strings for a mapping, which need not be used up.
  bool may_go_unused() const {
    return values_.is_dict() || values_.is_list() || values_.is_undefined() ||
           (values_.is_object() && values_.object().is_sequence());
  }

  char peek() const { return at_ < bytes_.size() ? bytes_[at_] : '\0'; }

  Result<Value> next_value() {
    if (!values_.is_tuple()) {
      if (used_++ > 0) return refuse("too few values for a format string");
      return values_;
    }
    if (used_ >= values_.items().size()) return refuse("too few values for a format string");
    return values_.items()[used_++];
  }

  Result<int64_t> number(int64_t bound) {
    if (peek() == '*') {
      ++at_;
      HEARTH_TRY(value, next_value());
      if (!value.is_integral() || value.integer() > bound || value.integer() < -bound)
        return refuse("'*' wants a small integer");
      return value.integer();
    }
    int64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) {
      value = value * 10 + (peek() - '0');
      if (value > bound) return refuse("a width or precision is too large");
    }
    return value;
  }

  Result<void> conversion() {
    std::optional<Value> named;
    if (peek() == '(') {
      const size_t close = bytes_.find(')', at_);
      if (close == bytes_.npos) return refuse("a format key is not closed");
      if (!values_.is_dict()) return refuse("formatting with names needs a mapping");
      const Value* found = values_.dict().find(bytes_.substr(at_ + 1, close - at_ - 1));
      if (found == nullptr) return refuse("formatting misses the key '{}'", bytes_.substr(at_ + 1, close - at_ - 1));
      named = *found;
      at_ = close + 1;
    }
    FormatSpec spec;
    bool left = false, zero = false;
    for (; std::string_view("-+ #0").find(peek()) != std::string_view::npos && peek() != '\0'; ++at_) {
      left = left || peek() == '-';
      zero = zero || peek() == '0';
      spec.alternate = spec.alternate || peek() == '#';
      if (peek() == '+' || (peek() == ' ' && spec.sign != '+')) spec.sign = peek();
    }
    HEARTH_TRY(width, number(kMaxFieldWidth));
    spec.width = std::abs(width);
    left = left || width < 0;
    if (peek() == '.') {
      ++at_;
      HEARTH_TRY(precision, number(1000));
      spec.precision = std::max<int64_t>(precision, 0);
    }
    while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++at_;
    const char type = peek();
    ++at_;
    if (type == '%') return out_.append("%"), Result<void>{};
    Value value;
    if (named) {
      value = *named;
    } else {
      HEARTH_TRY(next, next_value());
      value = std::move(next);
    }
    return convert(type, value, spec, left, zero);
  }

  Result<void> convert(char type, const Value& value, FormatSpec spec, bool left, bool zero) {
    spec.align = left ? '<' : '>';
    if (type == 's' || type == 'r' || type == 'a') {
      Traced text = type == 's' ? to_text(value) : to_repr(value);
      if (pattern_.is_markup() && !value.is_markup()) text = escape_html(text);
      spec.sign = '-', spec.alternate = false;
      return put(format_text(run_, text, spec));
    }
    if (type == 'c' && value.is_string()) return put(format_text(run_, value.text(), spec));
    if (value.is_undefined()) return refuse(value.undefined_reason());
    if (!value.is_number()) return refuse("'%{}' wants a number, not a value of type {}", type, value.type_name());
    if (zero && !left) spec.fill = "0", spec.align = '=';
    if (std::string_view("diuxXoc").find(type) != std::string_view::npos) {
      if (value.is_float() && type != 'd' && type != 'i' && type != 'u') return refuse("'%{}' wants an integer", type);
      if (!value.is_integral() && !(std::abs(value.number()) < 0x1p63)) return refuse("a number does not fit 64 bits");
      spec.type = type == 'i' || type == 'u' ? 'd' : type;
      const auto integer = value.is_float() ? static_cast<int64_t>(value.number()) : value.integer();
      spec.precision.reset();
      return put(format_integer(run_, integer, spec));
    }
    if (std::string_view("eEfFgG").find(type) == std::string_view::npos || type == '\0')
      return refuse("'%{}' is no conversion", type);
    spec.type = type;
    return put(format_float(run_, value.number(), spec));
  }

  Result<void> put(Result<Traced> text) {
    if (!text) return std::unexpected(std::move(text).error());
    out_.append(*text);
    return {};
  }

  Interpreter& run_;
  const Value &pattern_, &values_;
  std::string_view bytes_;
  size_t at_ = 0, used_ = 0;
  Traced out_;
};

// The walk over "{name.attribute[key]!r:>10}" patterns.
class BraceFormatter {
 public:
  BraceFormatter(Interpreter& run, const Value& pattern, const Arguments& arguments)
      : run_(run), pattern_(pattern), arguments_(arguments) {}

  Result<Value> run() {
    HEARTH_TRY(text, expand(pattern_.text(), 0));
    return Value(std::move(text), pattern_.is_markup());
  }

 private:
  // A spec may hold fields of its own, one level deep.
  Result<Traced> expand(const Traced& pattern, int level) {
    const std::string_view bytes = pattern.bytes();
    Traced out;
    for (size_t at = 0; at < bytes.size();) {
      const size_t brace = std::min(bytes.find_first_of("{}", at), bytes.size());
      out.append_slice(pattern, at, brace);
      if (brace == bytes.size()) break;
      if (brace + 1 < bytes.size() && bytes[brace + 1] == bytes[brace]) {
        out.append_slice(pattern, brace, brace + 1);
        at = brace + 2;
        continue;
      }
      const size_t end = bytes[brace] == '{' ? field_end(bytes, brace) : bytes.npos;
      if (end == bytes.npos) return refuse("a format string has a single '{}'", bytes[brace]);
      if (level > 1) return refuse("a format string is nested too deeply");
      HEARTH_TRY(text, field(bytes.substr(brace + 1, end - brace - 1), level));
      HEARTH_TRY_VOID(run_.spend_on_text(out.size() + text.size()));
      out.append(text);
      at = end + 1;
    }
    return out;
  }

  static size_t field_end(std::string_view bytes, size_t open) {
    int depth = 0;
    for (size_t i = open; i < bytes.size(); ++i) {
      if (bytes[i] == '{') ++depth;
      if (bytes[i] == '}' && --depth == 0) return i;
    }
    return bytes.npos;
  }

  Result<Traced> field(std::string_view text, int level) {
    const size_t name_end = std::min(text.find_first_of("!:"), text.size());
    HEARTH_TRY(value, lookup(text.substr(0, name_end)));
    std::string_view rest = text.substr(name_end);
    char conversion = '\0';
    if (rest.starts_with('!')) {
      if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':')) return refuse("a format string has a bad conversion");
      conversion = rest[1];
      rest.remove_prefix(2);
    }
    if (rest.starts_with(':')) rest.remove_prefix(1);
    HEARTH_TRY(spec, expand(Traced::literal(std::string(rest)), level + 1));
    if (conversion == '\0') {
      if (pattern_.is_markup() && !value.is_markup()) return marked(value, spec.bytes());
      return format_value(run_, value, spec.bytes());
    }
    if (conversion != 'r' && conversion != 's' && conversion != 'a')
      return refuse("'!{}' is no conversion", conversion);
    const Value converted(conversion == 's' ? to_text(value) : to_repr(value));
    return format_value(run_, converted, spec.bytes());
  }

  Result<Traced> marked(const Value& value, std::string_view spec) {
    HEARTH_TRY(text, format_value(run_, value, spec));
    return escape_html(text);
  }

  Result<Value> lookup(std::string_view name) {
    const size_t first_end = std::min(name.find_first_of(".["), name.size());
    HEARTH_TRY(value, argument(name.substr(0, first_end)));
    for (name.remove_prefix(first_end); !name.empty();) {
      const bool by_key = name[0] == '[';
      const size_t end = by_key ? name.find(']') : std::min(name.find_first_of(".[", 1), name.size());
      if (end == name.npos || end == 1) return refuse("a format string has a bad field name");
      const std::string_view part = name.substr(1, end - 1);
      int64_t index = 0;
      const auto parsed = std::from_chars(part.data(), part.data() + part.size(), index);
      const bool is_index = by_key && parsed.ec == std::errc() && parsed.ptr == part.data() + part.size();
      HEARTH_TRY(next, is_index ? run_.item(value, Value(index))
                       : by_key ? run_.item(value, Value::literal(part))
                                : run_.attribute(value, part));
      value = std::move(next);
      name.remove_prefix(by_key ? end + 1 : end);
      if (by_key && !name.empty() && name[0] != '.' && name[0] != '[')
        return refuse("a format string has a bad field name");
    }
    return value;
  }

  Result<Value> argument(std::string_view name) {
    size_t index = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), index);
    const bool is_index = name.empty() || (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size());
    if (!is_index) {
      for (const auto& [key, value] : arguments_.named)
        if (key == name) return value;
      return refuse("formatting misses the argument '{}'", name);
    }
    if ((name.empty() && explicit_) || (!name.empty() && next_ > 0))
      return refuse("a format string mixes numbered and unnumbered fields");
    explicit_ = explicit_ || !name.empty();
    if (name.empty()) index = next_++;
    if (index >= arguments_.positional.size()) return refuse("formatting misses its argument {}", index);
    return arguments_.positional[index];
  }

  Interpreter& run_;
  const Value& pattern_;
  const Arguments& arguments_;
  size_t next_ = 0;
  bool explicit_ = false;
};

}  // namespace

Result<Value> format_percent(Interpreter& run, const Value& pattern, const Value& values) {
  return PercentFormatter(run, pattern, values).run();
}

Result<Value> format_braces(Interpreter& run, const Value& pattern, const Arguments& arguments) {
  return BraceFormatter(run, pattern, arguments).run();
}

Result<Traced> format_value(Interpreter& run, const Value& value, std::string_view text) {
  if (text.empty()) return to_text(value);
  HEARTH_TRY(spec, parse_spec(text));
  if (value.is_string()) return format_text(run, value.text(), spec);
  if (value.is_integral()) return format_integer(run, value.integer(), spec);
  if (value.is_float()) return format_float(run, value.number(), spec);
  if (value.is_big_int()) return refuse("a number does not fit 64 bits");
  return refuse("a value of type {} takes no format spec", value.type_name());
}

}  // namespace hearth::text::jinja
