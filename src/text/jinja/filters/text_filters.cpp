// Filters that make a text of a value: case, trimming, joining, JSON, HTML.
#include <algorithm>

#include "text/jinja/filters/filters.h"
#include "text/jinja/methods/methods.h"
#include "text/jinja/run/format.h"
#include "text/jinja/value/characters.h"
#include "text/jinja/value/markup.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

// Jinja2's soft_str: a string stays what it is.
Value as_string(const Value& value) { return value.is_string() ? value : Value(to_text(value)); }

// The string method of that name, on the subject as a string.
Result<Value> by_method(Interpreter& run, const Value& subject, std::string_view name, Arguments arguments = {}) {
  const Value text = as_string(subject);
  return run.call(*find_method(text, name), std::move(arguments));
}

Result<Value> upper(Interpreter& run, const Value& subject, const Bound&) { return by_method(run, subject, "upper"); }
Result<Value> lower(Interpreter& run, const Value& subject, const Bound&) { return by_method(run, subject, "lower"); }
Result<Value> capitalize(Interpreter& run, const Value& subject, const Bound&) {
  return by_method(run, subject, "capitalize");
}

Result<Value> trim(Interpreter& run, const Value& subject, const Bound& arguments) {
  return by_method(run, subject, "strip", {.positional = {arguments.value_or(0, Value::none())}, .named = {}});
}

Result<Value> center(Interpreter& run, const Value& subject, const Bound& arguments) {
  return by_method(run, subject, "center", {.positional = {arguments.value_or(0, Value(int64_t{80}))}, .named = {}});
}

// Unlike str.title(), words begin only after white space and - ( { [ <.
Result<Value> title(Interpreter& run, const Value& subject, const Bound&) {
  const Traced text = to_text(subject);
  const std::string_view bytes = text.bytes();
  HEARTH_TRY_VOID(run.spend(bytes.size()));
  const std::vector<size_t> offsets = character_offsets(bytes);
  std::string out;
  size_t word = 0;
  for (size_t i = 0; i + 1 <= offsets.size(); ++i) {
    const bool ended = i + 1 == offsets.size();
    const std::string_view c = ended ? std::string_view() : bytes.substr(offsets[i], offsets[i + 1] - offsets[i]);
    const bool separates = !ended && (strip_bounds(c, true, false).first > 0 ||
                                      std::string_view("-({[<").find(c) != std::string_view::npos);
    if (!ended && !separates) continue;
    if (word < i) {
      out += to_upper(bytes.substr(offsets[word], offsets[word + 1] - offsets[word]));
      out += to_lower(bytes.substr(offsets[word + 1], offsets[i] - offsets[word + 1]));
    }
    out += c;
    word = i + 1;
  }
  const bool in_place = is_ascii(bytes) && out.size() == bytes.size();
  return Value(in_place ? text.mapped_to(std::move(out)) : text.changed_to(std::move(out)));
}

Result<Value> replace(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(limit, arguments.has_value(2) ? arguments.integer_or(2, -1) : Result<int64_t>(-1));
  HEARTH_TRY(text, replaced(run, to_text(subject), to_text(arguments[0]).bytes(), to_text(arguments[1]), limit));
  return Value(std::move(text));
}

Result<Value> join(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(items, run.collect(subject));
  const Traced separator = to_text(arguments.value_or(0, Value::literal("")));
  Traced out;
  for (size_t i = 0; i < items.size(); ++i) {
    Value item = items[i];
    if (arguments.has_value(1)) {
      HEARTH_TRY(found, attribute_path(run, items[i], arguments[1]));
      item = std::move(found);
    }
    const Traced text = to_text(item);
    HEARTH_TRY_VOID(run.spend((text.size() + separator.size()) / 8));
    if (out.size() + text.size() + separator.size() > kMaxTextBytes) return refuse("joining makes a text too large");
    if (i > 0) out.append(separator);
    out.append(text);
  }
  return Value(std::move(out));
}

Result<Value> string(Interpreter&, const Value& subject, const Bound&) { return as_string(subject); }
Result<Value> safe(Interpreter&, const Value& subject, const Bound&) {
  return Value(to_text(subject), /*markup=*/true);
}
Result<Value> escape(Interpreter&, const Value& subject, const Bound&) {
  return subject.is_markup() ? subject : Value(escape_html(to_text(subject)), /*markup=*/true);
}
Result<Value> force_escape(Interpreter&, const Value& subject, const Bound&) {
  return Value(escape_html(to_text(subject)), /*markup=*/true);
}
Result<Value> striptags(Interpreter&, const Value& subject, const Bound&) {
  return Value(strip_tags(to_text(subject)));
}

Result<Value> format(Interpreter& run, const Value& subject, Arguments arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    return refuse("'format' takes positional or named arguments, not both");
  if (arguments.named.empty())
    return format_percent(run, as_string(subject), Value::tuple(std::move(arguments.positional)));
  std::vector<DictBody::Entry> entries;
  for (auto& [name, value] : arguments.named) entries.emplace_back(Value(Traced::input(name)), std::move(value));  // perhaps by **
  return format_percent(run, as_string(subject), Value::dict(std::move(entries)));
}

// json.dumps with the options that transformers gives its templates.
Result<Value> tojson(Interpreter& run, const Value& subject, const Bound& arguments) {
  JsonStyle style{
      .ensure_ascii = arguments.truthy_or(0, false), .sort_keys = arguments.truthy_or(3, false), .indent = {}};
  if (arguments.has_value(1)) {
    if (arguments[1].is_string()) {
      style.indent = arguments[1].bytes();
    } else {
      HEARTH_TRY(width, arguments.integer_or(1, 0));
      if (width > 1000) return refuse("an indentation of {} is too wide", width);
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
    style.item_separator = ",";
  }
  if (arguments.has_value(2)) {
    HEARTH_TRY(separators, run.collect(arguments[2]));
    if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string())
      return refuse("'separators' must be two strings");
    style.item_separator = separators[0].bytes();
    style.key_separator = separators[1].bytes();
  }
  const Extent extent = subject.extent();
  const uint64_t per_value = style.item_separator.size() + style.key_separator.size() +
                             (style.indent ? style.indent->size() * extent.depth : 0);
  HEARTH_TRY_VOID(run.spend_on_text(extent.weight * (16 + per_value)));
  HEARTH_TRY(text, to_json(subject, style));
  return Value(std::move(text));
}

std::string quoted_for_url(std::string_view text, std::string_view also_safe, std::string_view space) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_.-~").find(c) != std::string_view::npos ||
                       also_safe.find(c) != also_safe.npos;
    if (plain) out += c;
    else if (c == ' ') out += space;
    else out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

Traced quoted_for_query(const Value& value) {
  const Traced text = to_text(value);
  return text.changed_to(quoted_for_url(text.bytes(), "", "+"));
}

Result<Value> urlencode(Interpreter& run, const Value& subject, const Bound&) {
  const bool is_object = subject.is_object() && subject.object().iterate() != nullptr;
  if (!subject.is_dict() && !subject.is_list() && !subject.is_tuple() && !is_object) {
    const Traced text = to_text(subject);
    return Value(text.changed_to(quoted_for_url(text.bytes(), "/", "%20")));
  }
  std::vector<Value> pairs;
  if (subject.is_dict()) {
    for (const auto& [key, value] : subject.dict().entries()) pairs.push_back(Value::tuple({key, value}));
  } else {
    HEARTH_TRY(collected, run.collect(subject));
    pairs = std::move(collected);
  }
  Traced out;
  for (const Value& pair : pairs) {
    HEARTH_TRY(halves, run.collect(pair));
    if (halves.size() != 2) return refuse("'urlencode' wants pairs");
    if (!out.empty()) out.append("&");
    out.append(quoted_for_query(halves[0]));
    out.append("=");
    out.append(quoted_for_query(halves[1]));
  }
  return Value(std::move(out));
}

Result<Value> xmlattr(Interpreter&, const Value& subject, const Bound& arguments) {
  if (!subject.is_dict()) return refuse("'xmlattr' wants a mapping");
  Traced out;
  for (const auto& [key, value] : subject.dict().entries()) {
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_string() || key.bytes().find_first_of(" \t\n\r\f\v/>=") != std::string::npos)
      return refuse("'xmlattr' got a key that is no attribute name");
    if (!out.empty()) out.append(" ");
    out.append(escape_html(key.text()));
    out.append("=\"");
    out.append(value.is_markup() ? value.text() : escape_html(to_text(value)));
    out.append("\"");
  }
  if (out.empty() || !arguments.truthy_or(0, true)) return Value(std::move(out));
  Traced spaced = Traced::literal(" ");
  spaced.append(out);
  return Value(std::move(spaced));
}

constexpr Filter kFilters[] = {
    {"upper", {}, &upper},
    {"lower", {}, &lower},
    {"capitalize", {}, &capitalize},
    {"title", {}, &title},
    {"trim", {{"chars"}, 0}, &trim},
    {"center", {{"width"}, 0}, &center},
    {"replace", {{"old", "new", "count"}, 2}, &replace},
    {"join", {{"d", "attribute"}, 0}, &join},
    {"string", {}, &string},
    {"safe", {}, &safe},
    {"escape", {}, &escape},
    {"e", {}, &escape},
    {"forceescape", {}, &force_escape},
    {"striptags", {}, &striptags},
    {"format", {}, nullptr, &format},
    {"tojson", {{"ensure_ascii", "indent", "separators", "sort_keys"}, 0}, &tojson},
    {"urlencode", {}, &urlencode},
    {"xmlattr", {{"autospace"}, 0}, &xmlattr},
};

}  // namespace

std::span<const Filter> text_filters() { return kFilters; }

}  // namespace hearth::text::jinja
