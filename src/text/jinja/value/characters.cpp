#include "text/jinja/value/characters.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

#include "base/utf8.h"
#include "text/jinja/value/case_table.h"

namespace hearth::text::jinja {

namespace {

utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }
bool in(utf8proc_category_t c, utf8proc_category_t first, utf8proc_category_t last) { return c >= first && c <= last; }

bool is_alpha(char32_t c) { return in(category(c), UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO); }
bool is_lower_character(char32_t c) { return utf8proc_islower(static_cast<utf8proc_int32_t>(c)) != 0; }
bool is_upper_character(char32_t c) { return utf8proc_isupper(static_cast<utf8proc_int32_t>(c)) != 0; }
bool is_title_character(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }
bool is_cased(char32_t c) { return is_lower_character(c) || is_upper_character(c) || is_title_character(c); }

// Digits that are no decimals (superscripts, circled digits, ...): Numeric_Type=Digit of Unicode 14.
constexpr std::pair<char32_t, char32_t> kDigits[] = {
    {178, 179},     {185, 185},     {4969, 4977},   {6618, 6618},   {8304, 8304},   {8308, 8313},    {8320, 8329},
    {9312, 9320},   {9332, 9340},   {9352, 9360},   {9450, 9450},   {9461, 9469},   {9471, 9471},    {10102, 10110},
    {10112, 10120}, {10122, 10130}, {68160, 68163}, {69216, 69224}, {69714, 69722}, {127232, 127242}};

bool is_digit(char32_t c) {
  return category(c) == UTF8PROC_CATEGORY_ND || std::any_of(std::begin(kDigits), std::end(kDigits), [&](auto range) {
           return c >= range.first && c <= range.second;
         });
}

bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

template <class Visit>
void for_each_character(std::string_view text, Visit&& visit) {
  for (size_t at = 0; at < text.size();) {
    const utf8::Decoded d = utf8::decode(text.substr(at));
    visit(d.code_point, at, size_t{d.length});
    at += d.length;
  }
}

const LongCase* long_case(char32_t c) {
  if (c < kLongCases[0].code_point) return nullptr;
  const auto* found =
      std::lower_bound(std::begin(kLongCases), std::end(kLongCases), c,
                       [](const LongCase& entry, char32_t wanted) { return entry.code_point < wanted; });
  return found != std::end(kLongCases) && found->code_point == c ? found : nullptr;
}

void append_upper(char32_t c, std::string& out) {
  if (const LongCase* special = long_case(c)) out += special->upper;
  else utf8::append(static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))), out);
}

void append_title(char32_t c, std::string& out) {
  if (const LongCase* special = long_case(c)) out += special->title;
  else utf8::append(static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))), out);
}

bool is_case_ignorable(char32_t c) {
  const auto kind = category(c);
  return kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_ME || kind == UTF8PROC_CATEGORY_CF ||
         kind == UTF8PROC_CATEGORY_LM || kind == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' || c == ':' ||
         c == 0xB7 || c == 0x2019;
}

// A capital sigma ends a word if a cased letter stands before it and none after it.
// Only the neighbourhood is looked at, so that a text of sigmas takes linear time.
bool is_final_sigma(std::string_view text, size_t at) {
  constexpr size_t kReach = 64;
  text = text.substr(0, std::min(text.size(), at + kReach));
  const size_t begin = at > kReach ? at - kReach : 0;
  bool cased_before = false, cased_after = false;
  for_each_character(text.substr(begin, at - begin), [&](char32_t c, size_t, size_t) {
    if (!is_case_ignorable(c)) cased_before = is_cased(c);
  });
  for (size_t i = at + 2; i < text.size();) {
    const utf8::Decoded d = utf8::decode(text.substr(i));
    i += d.length;
    if (is_case_ignorable(d.code_point)) continue;
    cased_after = is_cased(d.code_point);
    break;
  }
  return cased_before && !cased_after;
}

void append_lower(char32_t c, std::string_view text, size_t at, std::string& out) {
  if (c == 0x130) out += "i\xCC\x87";
  else if (c == 0x3A3) out += is_final_sigma(text, at) ? "\xCF\x82" : "\xCF\x83";
  else utf8::append(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
}

template <class Append>
std::string mapped(std::string_view text, Append&& append) {
  std::string out;
  out.reserve(text.size());
  for_each_character(text, [&](char32_t c, size_t at, size_t) { append(c, at, out); });
  return out;
}

}  // namespace

size_t find_text(std::string_view text, std::string_view wanted, size_t from) {
  constexpr size_t kShort = 16;  // bytes that may be compared at every place
  if (wanted.size() <= kShort) return text.find(wanted, from);
  // Two-way search. std::string_view::find compares the whole of `wanted` at every place where its first byte stands.
  const void* const found = ::memmem(text.data() + from, text.size() - from, wanted.data(), wanted.size());
  return found == nullptr ? text.npos : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

size_t count_characters(std::string_view text) { return is_ascii(text) ? text.size() : utf8::count(text); }

std::vector<size_t> character_offsets(std::string_view text) {
  std::vector<size_t> offsets;
  offsets.reserve(text.size() + 1);
  for_each_character(text, [&](char32_t, size_t at, size_t) { offsets.push_back(at); });
  offsets.push_back(text.size());
  return offsets;
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word(char32_t c) {
  return c == '_' || is_alpha(c) || in(category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO);
}

bool is_printable(char32_t c) {
  const auto kind = category(c);
  return c == ' ' || !(kind == UTF8PROC_CATEGORY_CN || in(kind, UTF8PROC_CATEGORY_ZS, UTF8PROC_CATEGORY_CO));
}

std::pair<size_t, size_t> strip_bounds(std::string_view text, bool left, bool right,
                                       std::optional<std::string_view> chars) {
  const auto drops = [&](size_t at, size_t length) {
    return chars ? chars->find(text.substr(at, length)) != std::string_view::npos
                 : is_space(utf8::decode(text.substr(at, length)).code_point);
  };
  size_t begin = 0, end = text.size();
  while (left && begin < end) {
    const size_t length = utf8::decode(text.substr(begin)).length;
    if (!drops(begin, length)) break;
    begin += length;
  }
  while (right && begin < end) {
    size_t last = end - 1;
    while (last > begin && end - last < 4 && utf8::is_continuation(text[last])) --last;
    if (!drops(last, end - last)) break;
    end = last;
  }
  return {begin, end};
}

std::vector<std::pair<size_t, size_t>> line_bounds(std::string_view text, bool keep_ends) {
  std::vector<std::pair<size_t, size_t>> lines;
  size_t begin = 0;
  for_each_character(text, [&](char32_t c, size_t at, size_t length) {
    if (!is_line_end(c) || at < begin) return;  // at < begin: the \n of a \r\n already taken
    size_t next = at + length;
    if (c == '\r' && next < text.size() && text[next] == '\n') ++next;
    lines.emplace_back(begin, keep_ends ? next : at);
    begin = next;
  });
  if (begin < text.size()) lines.emplace_back(begin, text.size());
  return lines;
}

std::vector<std::pair<size_t, size_t>> word_bounds(std::string_view text, int64_t limit) {
  std::vector<std::pair<size_t, size_t>> words;
  size_t at = strip_bounds(text, true, false).first;
  while (at < text.size()) {
    if (limit >= 0 && words.size() == static_cast<size_t>(limit)) {
      words.emplace_back(at, text.size());
      break;
    }
    size_t end = at;
    while (end < text.size()) {
      const utf8::Decoded d = utf8::decode(text.substr(end));
      if (is_space(d.code_point)) break;
      end += d.length;
    }
    words.emplace_back(at, end);
    at = end + strip_bounds(text.substr(end), true, false).first;
  }
  return words;
}

std::string to_upper(std::string_view text) {
  return mapped(text, [](char32_t c, size_t, std::string& out) { append_upper(c, out); });
}

std::string to_lower(std::string_view text) {
  return mapped(text, [&](char32_t c, size_t at, std::string& out) { append_lower(c, text, at, out); });
}

std::string to_title(std::string_view text) {
  bool inside = false;
  return mapped(text, [&](char32_t c, size_t at, std::string& out) {
    if (inside) append_lower(c, text, at, out);
    else append_title(c, out);
    inside = is_cased(c);
  });
}

std::string to_swapped(std::string_view text) {
  return mapped(text, [&](char32_t c, size_t at, std::string& out) {
    if (is_upper_character(c)) append_lower(c, text, at, out);
    else append_upper(c, out);
  });
}

std::string capitalized(std::string_view text) {
  return mapped(text, [&](char32_t c, size_t at, std::string& out) {
    if (at == 0) append_title(c, out);
    else append_lower(c, text, at, out);
  });
}

std::string case_folded(std::string_view text) {
  return mapped(text, [](char32_t c, size_t, std::string& out) {
    utf8proc_int32_t folded[8];
    int boundary = 0;
    const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), folded, 8, UTF8PROC_CASEFOLD, &boundary);
    for (utf8proc_ssize_t i = 0; i < n; ++i) utf8::append(static_cast<char32_t>(folded[i]), out);
  });
}

bool all_of_class(std::string_view text, CharacterClass wanted) {
  if (wanted == CharacterClass::kAscii) return is_ascii(text);
  bool all = wanted == CharacterClass::kPrintable || !text.empty();
  for_each_character(text, [&](char32_t c, size_t, size_t) {
    switch (wanted) {
      case CharacterClass::kAlpha: all = all && is_alpha(c); break;
      case CharacterClass::kAlnum: all = all && c != '_' && is_word(c); break;
      case CharacterClass::kDecimal: all = all && category(c) == UTF8PROC_CATEGORY_ND; break;
      case CharacterClass::kDigit: all = all && is_digit(c); break;
      case CharacterClass::kNumeric: all = all && in(category(c), UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO); break;
      case CharacterClass::kSpace: all = all && is_space(c); break;
      case CharacterClass::kPrintable: all = all && is_printable(c); break;
      case CharacterClass::kAscii: break;
    }
  });
  return all;
}

bool is_lower(std::string_view text) {
  bool any = false, other = false;
  for_each_character(text, [&](char32_t c, size_t, size_t) {
    any = any || is_lower_character(c);
    other = other || is_upper_character(c) || is_title_character(c);
  });
  return any && !other;
}

bool is_upper(std::string_view text) {
  bool any = false, other = false;
  for_each_character(text, [&](char32_t c, size_t, size_t) {
    any = any || is_upper_character(c);
    other = other || is_lower_character(c) || is_title_character(c);
  });
  return any && !other;
}

bool is_title(std::string_view text) {
  bool any = false, wrong = false, inside = false;
  for_each_character(text, [&](char32_t c, size_t, size_t) {
    const bool starts = is_upper_character(c) || is_title_character(c);
    wrong = wrong || (starts && inside) || (is_lower_character(c) && !inside);
    any = any || is_cased(c);
    inside = is_cased(c);
  });
  return any && !wrong;
}

bool is_identifier(std::string_view text) {
  bool fits = !text.empty() && !(text[0] >= '0' && text[0] <= '9');
  for_each_character(text, [&](char32_t c, size_t at, size_t) {
    const bool mark = category(c) == UTF8PROC_CATEGORY_MN || category(c) == UTF8PROC_CATEGORY_MC;
    fits = fits && (c == '_' || is_alpha(c) || (at > 0 && (mark || category(c) == UTF8PROC_CATEGORY_ND)));
  });
  return fits;
}

}  // namespace hearth::text::jinja
