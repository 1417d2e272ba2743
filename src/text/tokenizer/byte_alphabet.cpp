#include "text/tokenizer/byte_alphabet.h"

#include <array>

#include "base/utf8.h"

namespace hearth::text {

namespace {

constexpr bool stands_for_itself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char32_t, 256> letters{};
  std::array<int16_t, 0x180> bytes{};

  constexpr Alphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      const char32_t letter = stands_for_itself(b) ? static_cast<char32_t>(b) : next++;
      letters[static_cast<size_t>(b)] = letter;
      bytes[letter] = static_cast<int16_t>(b);
    }
  }
};
constexpr Alphabet kAlphabet;

}  // namespace

char32_t letter_of_byte(uint8_t byte) { return kAlphabet.letters[byte]; }

std::optional<std::string> spelled_bytes(std::string_view token) {
  std::string out;
  out.reserve(token.size());
  while (!token.empty()) {
    const utf8::Decoded letter = utf8::decode(token);
    if (!letter.valid || letter.code_point >= kAlphabet.bytes.size() || kAlphabet.bytes[letter.code_point] < 0)
      return {};
    out += static_cast<char>(kAlphabet.bytes[letter.code_point]);
    token.remove_prefix(letter.length);
  }
  return out;
}

std::string spell_bytes(std::string_view bytes) {
  std::string out;
  for (const char b : bytes) utf8::append(letter_of_byte(static_cast<uint8_t>(b)), out);
  return out;
}

}  // namespace hearth::text
