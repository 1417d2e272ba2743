#pragma once
// The character classes that tokenizers split by: Unicode general categories as bits, one table lookup per character.
#include <cstdint>
#include <string_view>

namespace hearth::text {

enum CharClass : uint16_t {
  kLetter = 1 << 0,       // L
  kMark = 1 << 1,         // M
  kNumber = 1 << 2,       // N
  kDecimal = 1 << 3,      // Nd
  kSpace = 1 << 4,        // White_Space: what \s means in Oniguruma, Rust and Python. U+180E is none since Unicode 6.3.
  kNewline = 1 << 5,      // \r and \n only
  kPunctuation = 1 << 6,  // P
  kSymbol = 1 << 7,       // S
  kUpperLike = 1 << 8,    // Lu Lt Lm Lo M: what may begin a capitalised word
  kLowerLike = 1 << 9,    // Ll Lm Lo M: what may go on in it
  kConnector = 1 << 10,   // Pc
  kOther = 1 << 11,       // Cc Cf Co Cs (unassigned characters belong to no class)
  kNonSpacing = 1 << 12,  // Mn
};
constexpr uint16_t kWordChar = kLetter | kMark | kNumber | kConnector;  // \w in Oniguruma

// The classes of every character below U+20000; larger ones through char_class().
const uint16_t* char_class_table();
uint16_t char_class(char32_t code_point);

// The character at the front of valid, non-empty UTF-8, and the pointer moved behind it.
inline char32_t take_char(const char*& p) {
  const auto byte = [&](int i) { return static_cast<char32_t>(static_cast<uint8_t>(p[i])); };
  const char32_t first = byte(0);
  if (first < 0x80) return p += 1, first;
  if (first < 0xE0) {
    const char32_t c = (first & 0x1F) << 6 | (byte(1) & 0x3F);
    return p += 2, c;
  }
  if (first < 0xF0) {
    const char32_t c = (first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    return p += 3, c;
  }
  const char32_t c = (first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  return p += 4, c;
}

// The bytes of the character that starts with `lead`, in valid UTF-8.
inline size_t char_length(char lead) {
  const auto b = static_cast<uint8_t>(lead);
  return b < 0x80 ? 1 : b < 0xE0 ? 2 : b < 0xF0 ? 3 : 4;
}

// Strict UTF-8 validity, eight ASCII bytes at a time.
bool is_valid_utf8(std::string_view text);

// The Chinese ideographs that BERT surrounds with spaces.
bool is_ideograph(char32_t code_point);

}  // namespace hearth::text
