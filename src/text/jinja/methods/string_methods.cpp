// Methods of strings but for those that cut (string_split.cpp).
#include <algorithm>

#include "text/jinja/methods/methods.h"
#include "text/jinja/run/format.h"
#include "text/jinja/value/characters.h"
#include "text/jinja/value/markup.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

template <std::string (*change)(std::string_view)>
Result<Value> change_case(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("a method of strings", {}, std::move(arguments)));
  HEARTH_TRY_VOID(run.spend(self.bytes().size()));
  std::string changed = change(self.bytes());
  const bool in_place = is_ascii(self.bytes()) && changed.size() == self.bytes().size();
  return Value(in_place ? self.text().mapped_to(std::move(changed)) : self.text().changed_to(std::move(changed)),
               self.is_markup());
}

template <CharacterClass wanted>
Result<Value> is_class(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("a method of strings", {}, std::move(arguments)));
  HEARTH_TRY_VOID(run.spend(self.bytes().size() / 8));
  return Value(all_of_class(self.bytes(), wanted));
}

template <bool (*judge)(std::string_view)>
Result<Value> is_kind(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("a method of strings", {}, std::move(arguments)));
  HEARTH_TRY_VOID(run.spend(self.bytes().size() / 8));
  return Value(judge(self.bytes()));
}

template <bool left, bool right>
Result<Value> strip(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("strip", {{"chars"}, 0}, std::move(arguments)));
  HEARTH_TRY_VOID(run.spend(self.bytes().size() / 16));
  std::optional<Traced> chars;
  if (bound.has_value(0)) {
    HEARTH_TRY(given, bound.text_or(0, ""));
    HEARTH_TRY_VOID(run.spend(self.bytes().size() / 16 * (1 + given.size() / 16)));
    chars = std::move(given);
  }
  const auto [begin, end] =
      strip_bounds(self.bytes(), left, right, chars ? std::optional<std::string_view>(chars->bytes()) : std::nullopt);
  return Value(self.text().slice(begin, end), self.is_markup());
}

// The part of a string that start and stop arguments select, as bytes; nothing where start lies behind the end.
struct Part {
  size_t begin = 0;
  std::string_view bytes;
  bool is_valid = true;
};

Result<Part> part_of(const Value& self, const Bound& bound, size_t start_at) {
  const std::string_view all = self.bytes();
  if (!bound.has_value(start_at) && !bound.has_value(start_at + 1)) return Part{0, all, true};
  const std::vector<size_t> offsets = character_offsets(all);
  const auto length = static_cast<int64_t>(offsets.size()) - 1;
  HEARTH_TRY(start, bound.has_value(start_at) ? bound.integer_or(start_at, 0) : Result<int64_t>(0));
  HEARTH_TRY(stop, bound.has_value(start_at + 1) ? bound.integer_or(start_at + 1, 0) : Result<int64_t>(length));
  const auto place = [&](int64_t i) { return std::max<int64_t>(i < 0 ? i + length : i, 0); };
  const int64_t begin = place(start), end = std::min(place(stop), length);
  if (begin > end) return Part{0, {}, false};
  const size_t from = offsets[static_cast<size_t>(begin)];
  return Part{from, all.substr(from, offsets[static_cast<size_t>(end)] - from), true};
}

// Whether the string begins (or ends) with a string, or with any of a tuple of strings.
template <bool at_end>
Result<Value> begins(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind(at_end ? "endswith" : "startswith", {{"prefix", "start", "end"}, 1}, std::move(arguments)));
  HEARTH_TRY_VOID(run.spend(bound[0].extent().weight + (bound.has(1) ? self.bytes().size() / 8 : 0)));
  HEARTH_TRY(part, part_of(self, bound, 1));
  const std::vector<Value> wanted = bound[0].is_tuple() ? bound[0].items() : std::vector<Value>{bound[0]};
  for (const Value& text : wanted) {
    if (text.is_undefined()) return refuse(text.undefined_reason());
    if (!text.is_string()) return refuse("startswith() and endswith() want a string or a tuple of strings");
    if (part.is_valid && (at_end ? part.bytes.ends_with(text.bytes()) : part.bytes.starts_with(text.bytes())))
      return Value(true);
  }
  return Value(false);
}

enum class Missing { kMinusOne, kError };

template <bool from_end, Missing missing>
Result<Value> find(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("find", {{"sub", "start", "end"}, 1}, std::move(arguments)));
  HEARTH_TRY(wanted, bound.text_or(0, ""));
  HEARTH_TRY_VOID(run.spend(self.bytes().size() / 8 * (1 + (from_end ? wanted.size() / 16 : 0))));
  HEARTH_TRY(part, part_of(self, bound, 1));
  const size_t found = !part.is_valid ? part.bytes.npos
                       : from_end     ? part.bytes.rfind(wanted.bytes())
                                      : find_text(part.bytes, wanted.bytes());
  if (found == part.bytes.npos)
    return missing == Missing::kError ? Result<Value>(refuse("the substring was not found")) : Value(int64_t{-1});
  return Value(static_cast<int64_t>(count_characters(std::string_view(self.bytes()).substr(0, part.begin + found))));
}

Result<Value> count(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("count", {{"sub", "start", "end"}, 1}, std::move(arguments)));
  HEARTH_TRY(wanted, bound.text_or(0, ""));
  HEARTH_TRY_VOID(run.spend(self.bytes().size() / 8));
  HEARTH_TRY(part, part_of(self, bound, 1));
  if (!part.is_valid) return Value(int64_t{0});
  if (wanted.empty()) return Value(static_cast<int64_t>(count_characters(part.bytes)) + 1);
  int64_t n = 0;
  for (size_t at = 0; (at = find_text(part.bytes, wanted.bytes(), at)) != part.bytes.npos; at += wanted.size()) ++n;
  return Value(n);
}

Result<Value> replace(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("replace", {{"old", "new", "count"}, 2}, std::move(arguments)));
  HEARTH_TRY(old_text, bound.text_or(0, ""));
  HEARTH_TRY(new_text, bound.text_or(1, ""));
  HEARTH_TRY(limit, bound.integer_or(2, -1));
  if (self.is_markup() && !bound[1].is_markup()) new_text = escape_html(new_text);
  HEARTH_TRY(text, replaced(run, self.text(), old_text.bytes(), new_text, limit));
  return Value(std::move(text), self.is_markup());
}

template <char align>
Result<Value> justify(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("ljust", {{"width", "fillchar"}, 1}, std::move(arguments)));
  HEARTH_TRY(width, bound.integer_or(0, 0));
  HEARTH_TRY(fill, bound.text_or(1, " "));
  if (count_characters(fill.bytes()) != 1) return refuse("the fill character must be one character");
  HEARTH_TRY(text, justified(run, self.text(), width, align, fill.bytes()));
  return Value(std::move(text), self.is_markup());
}

Result<Value> zfill(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("zfill", {{"width"}, 1}, std::move(arguments)));
  HEARTH_TRY(width, bound.integer_or(0, 0));
  const bool has_sign = self.bytes().starts_with('-') || self.bytes().starts_with('+');
  HEARTH_TRY(padded, justified(run, self.text().slice(has_sign, self.bytes().size()), width - has_sign, '>', "0"));
  Traced out = self.text().slice(0, has_sign);
  out.append(padded);
  return Value(std::move(out), self.is_markup());
}

Result<Value> expandtabs(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("expandtabs", {{"tabsize"}, 0}, std::move(arguments)));
  HEARTH_TRY(size, bound.integer_or(0, 8));
  if (size > 1000) return refuse("tabs of {} columns are too wide", size);
  const std::string& bytes = self.bytes();
  const auto tabs = static_cast<uint64_t>(std::count(bytes.begin(), bytes.end(), '\t'));
  HEARTH_TRY_VOID(run.spend_on_text(bytes.size() + tabs * static_cast<uint64_t>(std::max<int64_t>(size, 0))));
  const std::vector<size_t> offsets = character_offsets(bytes);
  Traced out;
  int64_t column = 0;
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const char c = bytes[offsets[i]];
    if (c != '\t') out.append_slice(self.text(), offsets[i], offsets[i + 1]);
    else
      for (int64_t stop = size > 0 ? size - column % size : 0; stop > 0; --stop, ++column) out.append(" ");
    if (c != '\t') column = c == '\n' || c == '\r' ? 0 : column + 1;
  }
  return Value(std::move(out), self.is_markup());
}

template <bool at_end>
Result<Value> remove_affix(Interpreter&, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind(at_end ? "removesuffix" : "removeprefix", {{"affix"}, 1}, std::move(arguments)));
  HEARTH_TRY(affix, bound.text_or(0, ""));
  const std::string& bytes = self.bytes();
  const bool has = at_end ? bytes.ends_with(affix.bytes()) : bytes.starts_with(affix.bytes());
  if (!has) return self;
  return Value(
      at_end ? self.text().slice(0, bytes.size() - affix.size()) : self.text().slice(affix.size(), bytes.size()),
      self.is_markup());
}

Result<Value> format(Interpreter& run, const Value& self, Arguments arguments) {
  return format_braces(run, self, arguments);
}

Result<Value> format_map(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("format_map", {{"mapping"}, 1}, std::move(arguments)));
  if (!bound[0].is_dict()) return refuse("format_map() wants a mapping");
  Arguments named;
  for (const auto& [key, value] : bound[0].dict().entries())
    if (key.is_string()) named.named.emplace_back(key.bytes(), value);
  return format_braces(run, self, named);
}

constexpr Method kMethods[] = {
    {"upper", &change_case<to_upper>},
    {"lower", &change_case<to_lower>},
    {"title", &change_case<to_title>},
    {"capitalize", &change_case<capitalized>},
    {"swapcase", &change_case<to_swapped>},
    {"casefold", &change_case<case_folded>},
    {"strip", &strip<true, true>},
    {"lstrip", &strip<true, false>},
    {"rstrip", &strip<false, true>},
    {"startswith", &begins<false>},
    {"endswith", &begins<true>},
    {"find", &find<false, Missing::kMinusOne>},
    {"rfind", &find<true, Missing::kMinusOne>},
    {"index", &find<false, Missing::kError>},
    {"rindex", &find<true, Missing::kError>},
    {"count", &count},
    {"replace", &replace},
    {"ljust", &justify<'<'>},
    {"rjust", &justify<'>'>},
    {"center", &justify<'^'>},
    {"zfill", &zfill},
    {"expandtabs", &expandtabs},
    {"removeprefix", &remove_affix<false>},
    {"removesuffix", &remove_affix<true>},
    {"format", &format},
    {"format_map", &format_map},
    {"isalpha", &is_class<CharacterClass::kAlpha>},
    {"isalnum", &is_class<CharacterClass::kAlnum>},
    {"isdecimal", &is_class<CharacterClass::kDecimal>},
    {"isdigit", &is_class<CharacterClass::kDigit>},
    {"isnumeric", &is_class<CharacterClass::kNumeric>},
    {"isspace", &is_class<CharacterClass::kSpace>},
    {"isprintable", &is_class<CharacterClass::kPrintable>},
    {"isascii", &is_class<CharacterClass::kAscii>},
    {"islower", &is_kind<is_lower>},
    {"isupper", &is_kind<is_upper>},
    {"istitle", &is_kind<is_title>},
    {"isidentifier", &is_kind<is_identifier>},
};

}  // namespace

std::span<const Method> string_methods() { return kMethods; }

Result<Traced> justified(Interpreter& run, const Traced& text, int64_t width, char align, std::string_view fill) {
  HEARTH_TRY_VOID(run.spend(text.size() / 16));
  const auto length = static_cast<int64_t>(count_characters(text.bytes()));
  if (width <= length) return text;
  const auto missing = static_cast<uint64_t>(width - length);
  if (missing > kMaxTextBytes) return refuse("a width of {} is too large", width);
  HEARTH_TRY_VOID(run.spend_on_text(missing * fill.size() + text.size()));
  // str.center puts the odd one on the left where the width is odd.
  const uint64_t left = align == '>'   ? missing
                        : align == '^' ? missing / 2 + (missing & static_cast<uint64_t>(width) & 1)
                                       : 0;
  Traced out;
  for (uint64_t i = 0; i < left; ++i) out.append(fill);
  out.append(text);
  for (uint64_t i = left; i < missing; ++i) out.append(fill);
  return out;
}

Result<Traced> replaced(Interpreter& run, const Traced& text, std::string_view old_bytes, const Traced& replacement,
                        int64_t limit) {
  const std::string_view bytes = text.bytes();
  HEARTH_TRY_VOID(run.spend(bytes.size() / 16));
  const std::vector<size_t> offsets = old_bytes.empty() ? character_offsets(bytes) : std::vector<size_t>();
  Traced out;
  size_t at = 0;
  for (size_t n = 0; limit < 0 || n < static_cast<size_t>(limit); ++n) {
    const size_t found = old_bytes.empty() ? (n < offsets.size() ? offsets[n] : bytes.npos) : find_text(bytes, old_bytes, at);
    if (found == bytes.npos) break;
    HEARTH_TRY_VOID(run.spend(1 + (found - at + replacement.size()) / 8));
    if (out.size() + replacement.size() > kMaxTextBytes) return refuse("replacing makes a text too large");
    out.append_slice(text, at, found);
    out.append(replacement);
    at = found + old_bytes.size();
  }
  out.append_slice(text, at, text.size());
  return out;
}

}  // namespace hearth::text::jinja
