#include "text/jinja/value/print.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "text/jinja/value/characters.h"

namespace hearth::text::jinja {

namespace {

void append_repr(const Value& value, Traced& out);

void append_items(std::string_view open, const std::vector<Value>& items, std::string_view close, Traced& out) {
  out.append(open);
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out.append(", ");
    append_repr(items[i], out);
  }
  out.append(close);
}

void append_dict(const DictBody& dict, Traced& out) {
  out.append("{");
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) out.append(", ");
    first = false;
    append_repr(key, out);
    out.append(": ");
    append_repr(value, out);
  }
  out.append("}");
}

void append_repr(const Value& value, Traced& out) {
  if (value.is_undefined()) out.append("Undefined");
  else if (value.is_none()) out.append("None");
  else if (value.is_bool()) out.append(value.boolean() ? "True" : "False");
  else if (value.is_int()) out.append(value.digits());
  else if (value.is_float()) out.append(float_repr(value.number()));
  else if (value.is_list()) append_items("[", value.items(), "]", out);
  else if (value.is_tuple()) append_items("(", value.items(), value.items().size() == 1 ? ",)" : ")", out);
  else if (value.is_dict()) append_dict(value.dict(), out);
  else if (value.is_object()) out.append(value.object().repr());
  else if (value.is_markup()) out.append("Markup("), out.append(string_repr(value.text())), out.append(")");
  else out.append(string_repr(value.text()));
}

class JsonWriter {
 public:
  explicit JsonWriter(const JsonStyle& style) : style_(style) {}

  Result<Traced> run(const Value& value) {
    HEARTH_TRY_VOID(write(value, 0));
    return std::move(out_);
  }

 private:
  Result<void> write(const Value& value, size_t depth) {
    if (value.is_none()) out_.append("null");
    else if (value.is_bool()) out_.append(value.boolean() ? "true" : "false");
    else if (value.is_int()) out_.append(value.digits());
    else if (value.is_float()) out_.append(number(value.number()));
    else if (value.is_string()) out_.append(value.text().changed_to(quoted(value.bytes())));
    else if (value.is_list() || value.is_tuple()) return list(value.items(), depth);
    else if (value.is_dict()) return dict(value.dict(), depth);
    else return refuse("a value of type {} cannot be written as JSON", value.type_name());
    return {};
  }

  static std::string number(double v) {
    if (std::isnan(v)) return "NaN";
    return std::isinf(v) ? (v > 0 ? "Infinity" : "-Infinity") : float_repr(v);
  }

  void new_line(size_t depth) {
    if (!style_.indent) return;
    out_.append("\n");
    for (size_t i = 0; i < depth; ++i) out_.append(*style_.indent);
  }

  Result<void> list(const std::vector<Value>& items, size_t depth) {
    if (items.empty()) return out_.append("[]"), Result<void>{};
    out_.append("[");
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(depth + 1);
      HEARTH_TRY_VOID(write(items[i], depth + 1));
    }
    new_line(depth);
    out_.append("]");
    return {};
  }

  Result<void> dict(const DictBody& dict, size_t depth) {
    if (dict.entries().empty()) return out_.append("{}"), Result<void>{};
    std::vector<const DictBody::Entry*> entries;
    for (const auto& entry : dict.entries()) entries.push_back(&entry);
    if (style_.sort_keys) HEARTH_TRY_VOID(sort(entries));
    out_.append("{");
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out_.append(style_.item_separator);
      new_line(depth + 1);
      HEARTH_TRY_VOID(key(entries[i]->first));
      out_.append(style_.key_separator);
      HEARTH_TRY_VOID(write(entries[i]->second, depth + 1));
    }
    new_line(depth);
    out_.append("}");
    return {};
  }

  static Result<void> sort(std::vector<const DictBody::Entry*>& entries) {
    for (size_t i = 1; i < entries.size(); ++i) HEARTH_TRY_VOID(less(entries[0]->first, entries[i]->first));
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto* a, const auto* b) { return compare_keys(a->first, b->first) < 0; });
    return {};
  }

  Result<void> key(const Value& key) {
    if (key.is_string()) out_.append(key.text().changed_to(quoted(key.bytes())));
    else if (key.is_none()) out_.append("\"null\"");
    else if (key.is_bool()) out_.append(key.boolean() ? "\"true\"" : "\"false\"");
    else if (key.is_int()) out_.append("\"" + key.digits() + "\"");
    else if (key.is_float()) out_.append("\"" + number(key.number()) + "\"");
    else return refuse("keys of JSON objects cannot be of type {}", key.type_name());
    return {};
  }

  std::string quoted(std::string_view text) const {
    std::string out = "\"";
    for (size_t at = 0; at < text.size();) {
      const utf8::Decoded d = utf8::decode(text.substr(at));
      constexpr std::string_view kSpecial = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
      if (const size_t special = d.code_point < 0x80 ? kSpecial.find(static_cast<char>(d.code_point)) : kSpecial.npos;
          special != kSpecial.npos)
        out += '\\', out += kLetters[special];
      else if (d.code_point < 0x20 || (style_.ensure_ascii && d.code_point > 0x7E)) append_escaped(d.code_point, out);
      else out += text.substr(at, d.length);
      at += d.length;
    }
    return out += '"';
  }

  static void append_escaped(char32_t c, std::string& out) {
    const auto unit = static_cast<uint32_t>(c);
    if (unit < 0x10000) out += fmt::format("\\u{:04x}", unit);
    else out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + ((unit - 0x10000) >> 10), 0xDC00 + (unit & 0x3FF));
  }

  const JsonStyle& style_;
  Traced out_;
};

}  // namespace

std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  return float_text(number);
}

Traced string_repr(const Traced& text) {
  const std::string_view bytes = text.bytes();
  const char quote = bytes.find('\'') != bytes.npos && bytes.find('"') == bytes.npos ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < bytes.size();) {
    const utf8::Decoded d = utf8::decode(bytes.substr(at));
    const auto c = static_cast<uint32_t>(d.code_point);
    if (c == static_cast<uint32_t>(quote) || c == '\\') out += '\\', out += static_cast<char>(c);
    else if (c == '\n') out += "\\n";
    else if (c == '\r') out += "\\r";
    else if (c == '\t') out += "\\t";
    else if (is_printable(c)) out += bytes.substr(at, d.length);
    else if (c <= 0xFF) out += fmt::format("\\x{:02x}", c);
    else if (c <= 0xFFFF) out += fmt::format("\\u{:04x}", c);
    else out += fmt::format("\\U{:08x}", c);
    at += d.length;
  }
  out += quote;
  return text.changed_to(std::move(out));
}

Traced to_repr(const Value& value) {
  Traced out;
  append_repr(value, out);
  return out;
}

Traced to_text(const Value& value) {
  if (value.is_string()) return value.text();
  if (value.is_undefined()) return {};
  return to_repr(value);
}

Result<Traced> to_json(const Value& value, const JsonStyle& style) { return JsonWriter(style).run(value); }

}  // namespace hearth::text::jinja
