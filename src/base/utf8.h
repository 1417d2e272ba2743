#pragma once
// UTF-8: strict decoding of one code point at a time, encoding, and repair.
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::utf8 {

constexpr char32_t kReplacement = 0xFFFD;
constexpr size_t kLongest = 4;  // bytes of a character

struct Decoded {
  char32_t code_point = kReplacement;  // kReplacement where invalid
  uint8_t length = 0;                  // bytes consumed, at least 1 unless the text is empty
  bool valid = false;
};

// The code point at the front of `text`. An invalid sequence consumes its maximal valid prefix (Unicode 3.9, "maximal
// subpart"), so that every ill-formed run gives the same number of replacement characters as Python's decoder.
Decoded decode(std::string_view text);

// A byte after the first of its character.
constexpr bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

void append(char32_t code_point, std::string& out);

bool is_valid(std::string_view text);
std::string sanitize(std::string_view text);  // invalid sequences become U+FFFD
std::string plain(std::string_view text);     // sanitized, and so are control characters: one line, and no commands to a terminal
size_t count(std::string_view text);          // code points; an invalid sequence counts as one

// How many bytes at the end of `text` are the start of a character that is not complete yet (0-3). Streams hold these back.
size_t incomplete_tail(std::string_view text);

}  // namespace hearth::utf8
