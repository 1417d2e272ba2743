#include "text/tokenizer/split/scanners.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

// One pass over a text: what stands at a place, and where runs end.
class Cursor {
 public:
  explicit Cursor(const char* text_end) : table_(char_class_table()), end_(text_end) {}

  // The class at p, and the place behind the character. At the end of the text: no class, p itself.
  struct Char {
    uint16_t bits;
    const char* next;
  };
  Char at(const char* p) const {
    if (p == end_) return {0, p};
    if (static_cast<uint8_t>(*p) < 0x80) return {table_[static_cast<uint8_t>(*p)], p + 1};
    const char32_t c = take_char(p);
    return {c < 0x20000 ? table_[c] : char_class(c), p};
  }
  bool is(const char* p, uint16_t any_of) const { return (at(p).bits & any_of) != 0; }

  const char* skip(const char* p, uint16_t any_of) const {
    while (p != end_) {
      const Char c = at(p);
      if ((c.bits & any_of) == 0) break;
      p = c.next;
    }
    return p;
  }
  const char* skip_none_of(const char* p, uint16_t none_of) const {
    while (p != end_) {
      const Char c = at(p);
      if ((c.bits & none_of) != 0) break;
      p = c.next;
    }
    return p;
  }
  const char* end() const { return end_; }

 private:
  const uint16_t* table_;
  const char* end_;
};

// 's 't 're 've 'm 'll 'd at p, which holds an apostrophe: the place behind, or null. Any case includes the long s
// (U+017F), whose simple case folding is s.
const char* skip_contraction(const char* p, const char* end, bool any_case) {
  const auto letter = [&](ptrdiff_t i) -> char {
    if (end - p <= i) return 0;
    return any_case && p[i] >= 'A' && p[i] <= 'Z' ? static_cast<char>(p[i] | 0x20) : p[i];
  };
  switch (letter(1)) {
    case 's':
    case 't':
    case 'm':
    case 'd': return p + 2;
    case 'r':
    case 'v': return letter(2) == 'e' ? p + 3 : nullptr;
    case 'l': return letter(2) == 'l' ? p + 3 : nullptr;
    case '\xC5': return any_case && letter(2) == '\xBF' ? p + 3 : nullptr;
    default: return nullptr;
  }
}

// \s*[\r\n]+|\s+(?!\S)|\s+ at p, which holds white space: up to the last line end of the run, else all but its last
// character, which stays for the word behind it.
const char* skip_white_space(const Cursor& text, const char* p, bool stop_at_lines) {
  const char *line_end = nullptr, *last = p, *q = p;
  while (q != text.end()) {
    const auto [bits, next] = text.at(q);
    if ((bits & kSpace) == 0) break;
    if ((bits & kNewline) != 0) line_end = next;
    last = q;
    q = next;
  }
  if (stop_at_lines && line_end != nullptr) return line_end;
  return q == text.end() || last == p ? q : last;
}

// (?i:'s|...)|[^\r\n\p{L}\p{N}]?[letters]+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
template <uint16_t kLetters, int kDigits>
size_t scan_llama3(const char* p, const char* end) {
  const Cursor text(end);
  const auto [bits, next] = text.at(p);
  const auto until = [&](const char* q) { return static_cast<size_t>(q - p); };
  if (*p == '\'')
    if (const char* q = skip_contraction(p, end, true)) return until(q);
  if ((bits & kLetters) != 0) return until(text.skip(next, kLetters));
  if ((bits & (kNewline | kNumber)) == 0 && text.is(next, kLetters)) return until(text.skip(next, kLetters));
  if ((bits & kNumber) != 0) {
    const char* q = next;
    for (int n = 1; n < kDigits && text.is(q, kNumber); ++n) q = text.at(q).next;
    return until(q);
  }
  constexpr uint16_t kNotPunctuation = kSpace | kLetters | kNumber;
  const char* mark = *p == ' ' ? next : p;
  if (mark != end && !text.is(mark, kNotPunctuation))
    return until(text.skip(text.skip_none_of(mark, kNotPunctuation), kNewline));
  return until(skip_white_space(text, p, true));
}

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
size_t scan_gpt2(const char* p, const char* end) {
  const Cursor text(end);
  const auto until = [&](const char* q) { return static_cast<size_t>(q - p); };
  if (*p == '\'')
    if (const char* q = skip_contraction(p, end, false)) return until(q);
  const char* word = *p == ' ' ? p + 1 : p;
  const auto [bits, next] = text.at(word);
  if (word == end || (bits & kSpace) != 0) return until(skip_white_space(text, p, false));
  if ((bits & kLetter) != 0) return until(text.skip(next, kLetter));
  if ((bits & kNumber) != 0) return until(text.skip(next, kNumber));
  return until(text.skip_none_of(next, kSpace | kLetter | kNumber));
}

// [upper]*[lower]+ at p, else [upper]+[lower]*, as a backtracking engine finds them; null where neither matches. The
// classes share caseless letters and marks: an upper run not followed by a lower letter gives back all behind its last
// shared character.
const char* skip_lower_word(const Cursor& text, const char* p) {
  const char *q = p, *behind_shared = nullptr;
  while (q != text.end()) {
    const auto [bits, next] = text.at(q);
    if ((bits & kUpperLike) == 0) break;
    if ((bits & kLowerLike) != 0) behind_shared = next;
    q = next;
  }
  return text.is(q, kLowerLike) ? text.skip(q, kLowerLike) : behind_shared;
}
const char* skip_upper_word(const Cursor& text, const char* p) {
  const char* q = text.skip(p, kUpperLike);
  return q == p ? nullptr : text.skip(q, kLowerLike);
}

const char* skip_cased_word(const Cursor& text, const char* p) {
  const auto [bits, next] = text.at(p);
  const bool may_lead = (bits & (kNewline | kLetter | kNumber)) == 0;
  for (const auto skip_word : {&skip_lower_word, &skip_upper_word}) {
    if (may_lead && next != text.end())
      if (const char* q = skip_word(text, next)) return q;
    if (const char* q = skip_word(text, p)) return q;
  }
  return nullptr;
}

// [^\r\n\p{L}\p{N}]?[upper]*[lower]+(?i:'s|...)?|[^\r\n\p{L}\p{N}]?[upper]+[lower]*(?i:'s|...)?|\p{N}{1,digits}|
//  ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
template <bool kContractions, int kDigits>
size_t scan_o200k(const char* p, const char* end) {
  const Cursor text(end);
  const auto until = [&](const char* q) { return static_cast<size_t>(q - p); };
  if (const char* q = skip_cased_word(text, p)) {
    const char* behind = kContractions && q != end && *q == '\'' ? skip_contraction(q, end, true) : nullptr;
    return until(behind != nullptr ? behind : q);
  }
  const auto [bits, next] = text.at(p);
  if ((bits & kNumber) != 0) {
    const char* q = next;
    for (int n = 1; n < kDigits && text.is(q, kNumber); ++n) q = text.at(q).next;
    return until(q);
  }
  constexpr uint16_t kNotPunctuation = kSpace | kLetter | kNumber;
  const char* mark = *p == ' ' ? next : p;
  if (mark != end && !text.is(mark, kNotPunctuation)) {
    const char* q = text.skip_none_of(mark, kNotPunctuation);
    while (q != end && (*q == '\r' || *q == '\n' || *q == '/')) ++q;
    return until(q);
  }
  return until(skip_white_space(text, p, true));
}

constexpr bool is_ascii_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
constexpr bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

// [ASCII punctuation][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
size_t scan_deepseek3(const char* p, const char* end) {
  const Cursor text(end);
  const auto until = [&](const char* q) { return static_cast<size_t>(q - p); };
  const auto [bits, next] = text.at(p);
  if (is_ascii_punctuation(*p) && next != end && is_ascii_letter(*next))
    return until(std::find_if_not(next, end, is_ascii_letter));
  constexpr uint16_t kWord = kLetter | kMark;
  if ((bits & (kNewline | kLetter | kPunctuation | kSymbol)) == 0 && text.is(next, kWord))
    return until(text.skip(next, kWord));
  if ((bits & kWord) != 0) return until(text.skip(next, kWord));
  const char* mark = *p == ' ' ? next : p;
  if (text.is(mark, kPunctuation | kSymbol)) return until(text.skip(text.skip(mark, kPunctuation | kSymbol), kNewline));
  return (bits & kSpace) != 0 ? until(skip_white_space(text, p, true)) : 0;
}

template <int kMost>  // 0: no limit
size_t scan_digits(const char* p, const char* end) {
  const Cursor text(end);
  const char* q = p;
  for (int n = 0; (kMost == 0 || n < kMost) && text.is(q, kNumber); ++n) q = text.at(q).next;
  return static_cast<size_t>(q - p);
}

}  // namespace

size_t scan_space(const char* p, const char* end) {
  const auto [bits, next] = Cursor(end).at(p);
  return (bits & kSpace) != 0 ? static_cast<size_t>(next - p) : 0;
}

size_t scan_punctuation(const char* p, const char* end) {
  const auto [bits, next] = Cursor(end).at(p);
  return (bits & kPunctuation) != 0 || is_ascii_punctuation(*p) ? static_cast<size_t>(next - p) : 0;
}

size_t scan_line(const char* p, const char* end) {
  const bool breaks = *p == '\n';
  return static_cast<size_t>(std::find_if(p, end, [&](char c) { return (c == '\n') != breaks; }) - p);
}

namespace pattern {
// As the vocabularies' own files spell them.
constexpr std::string_view kGpt2Text = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Text =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Text =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen35Text =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kO200kText =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekkenText =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
// DeepSeek-V3 spells the line ends as characters.
constexpr std::string_view kDeepseek3Text =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| "
    "?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

constinit const std::string_view kGpt2 = kGpt2Text, kLlama3 = kLlama3Text, kQwen2 = kQwen2Text, kQwen35 = kQwen35Text,
                                 kO200k = kO200kText, kTekken = kTekkenText, kDeepseek3 = kDeepseek3Text,
                                 kDigit = R"(\p{N})", kDigits = R"(\p{N}+)", kDigitsUpTo3 = R"(\p{N}{1,3})";
}  // namespace pattern

Scanner find_scanner(std::string_view wanted) {
  using namespace pattern;
  static constexpr std::pair<std::string_view, Scanner> kKnown[] = {
      {kGpt2Text, &scan_gpt2},
      {kLlama3Text, &scan_llama3<kLetter, 3>},
      {kQwen2Text, &scan_llama3<kLetter, 1>},
      {kQwen35Text, &scan_llama3 < kLetter | kMark, 1 > },
      {kO200kText, &scan_o200k<true, 3>},
      {kTekkenText, &scan_o200k<false, 1>},
      {kDeepseek3Text, &scan_deepseek3},
      {R"(\p{N})", &scan_digits<1>},
      {R"(\p{N}+)", &scan_digits<0>},
      {R"(\p{N}{1,3})", &scan_digits<3>},
      {R"([^\n]+|[\n]+)", &scan_line},
  };
  for (const auto& [spelled, scanner] : kKnown)
    if (spelled == wanted) return scanner;
  return nullptr;
}

}  // namespace hearth::text
