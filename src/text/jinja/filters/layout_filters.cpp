// Filters that lay a text out: indent, truncate, wordcount, pprint.
#include <algorithm>

#include "base/utf8.h"
#include "text/jinja/filters/filters.h"
#include "text/jinja/value/characters.h"
#include "text/jinja/value/markup.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

// A text the filters of this file work on. Errors: no string.
Result<Traced> text_of(const Value& subject) {
  if (subject.is_undefined()) return refuse(subject.undefined_reason());
  if (!subject.is_string()) return refuse("expected a string, got a value of type {}", subject.type_name());
  return subject.text();
}

Result<Traced> indentation_of(const Bound& arguments) {
  if (arguments.has(0) && arguments[0].is_string()) return arguments[0].text();
  HEARTH_TRY(width, arguments.integer_or(0, 4));
  if (width > 100'000) return refuse("an indentation of {} is too wide", width);
  return Traced::literal(std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' '));
}

Result<Value> indent(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(text, text_of(subject));
  HEARTH_TRY(indentation, indentation_of(arguments));
  if (subject.is_markup()) indentation = escape_html(indentation);
  const bool first = arguments.truthy_or(1, false), blank = arguments.truthy_or(2, false);
  text.append("\n");
  HEARTH_TRY_VOID(run.spend(text.size()));
  const auto lines = line_bounds(text.bytes());
  HEARTH_TRY_VOID(run.spend_on_text(text.size() + (lines.size() + 1) * indentation.size()));
  Traced out;
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto [begin, end] = lines[i];
    if (i > 0) out.append("\n");
    if (i > 0 ? blank || begin < end : first) out.append(indentation);
    out.append_slice(text, begin, end);
  }
  return Value(std::move(out), subject.is_markup());
}

Result<Value> truncate(Interpreter&, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(length, arguments.integer_or(0, 255));
  HEARTH_TRY(end, arguments.text_or(2, "..."));
  HEARTH_TRY(leeway, arguments.has_value(3) ? arguments.integer_or(3, 5) : Result<int64_t>(5));
  const auto end_length = static_cast<int64_t>(count_characters(end.bytes()));
  if (length < end_length || leeway < 0)
    return refuse("'truncate' wants a length of at least {} and a leeway of at least 0", end_length);
  const auto size = static_cast<int64_t>(subject.length().value_or(SIZE_MAX >> 1));
  if (size <= length || size - length <= leeway) return subject;  // whatever it is
  HEARTH_TRY(text, text_of(subject));
  const std::vector<size_t> offsets = character_offsets(text.bytes());
  size_t cut = offsets[static_cast<size_t>(length - end_length)];
  if (!arguments.truthy_or(1, false)) {
    const size_t space = std::string_view(text.bytes()).substr(0, cut).rfind(' ');
    if (space != std::string_view::npos) cut = space;
  }
  Traced out = text.slice(0, cut);
  out.append(end);
  return Value(std::move(out), subject.is_markup());
}

Result<Value> wordcount(Interpreter& run, const Value& subject, const Bound&) {
  const Traced text = to_text(subject);
  HEARTH_TRY_VOID(run.spend(text.size()));
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(std::string_view(text.bytes()).substr(at));
    const bool word = is_word(d.code_point);
    words += word && !inside;
    inside = word;
    at += d.length;
  }
  return Value(words);
}

// Python breaks what is wider than 80 columns; only what stays on one line is printed the same way here.
Result<Value> pprint(Interpreter&, const Value& subject, const Bound&) {
  Traced text = to_repr(subject);
  if (count_characters(text.bytes()) > 80 && !subject.is_number())
    return refuse("'pprint' of a value wider than 80 columns is not supported");
  return Value(std::move(text));
}

constexpr Filter kFilters[] = {
    {"indent", {{"width", "first", "blank"}, 0}, &indent},
    {"truncate", {{"length", "killwords", "end", "leeway"}, 0}, &truncate},
    {"wordcount", {}, &wordcount},
    {"pprint", {}, &pprint},
};

}  // namespace

std::span<const Filter> layout_filters() { return kFilters; }

}  // namespace hearth::text::jinja
