#pragma once
// Nibbles that index a table of sixteen small integers.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth::quant {

using Values16 = std::array<int8_t, 16>;

// 2 * kHalf codes from kHalf bytes: low halves of the bytes are the first half of the codes, high halves the second.
template <size_t kHalf>
void look_up(const Values16& table, const uint8_t* nibbles, std::span<int8_t, 2 * kHalf> codes) {
  for (size_t i = 0; i < kHalf; ++i) {
    codes[i] = table[nibbles[i] & 15];
    codes[i + kHalf] = table[nibbles[i] >> 4];
  }
}

// The first nibble that means `value`, which is one of the table's.
inline uint8_t nibble_of(const Values16& table, int value) {
  uint8_t nibble = 0;
  while (nibble < 15 && table[nibble] != value) ++nibble;
  return nibble;
}

// The inverse of look_up.
template <size_t kHalf>
void look_back(const Values16& table, const int8_t* codes, uint8_t* nibbles) {
  for (size_t i = 0; i < kHalf; ++i)
    nibbles[i] = static_cast<uint8_t>(nibble_of(table, codes[i]) | nibble_of(table, codes[i + kHalf]) << 4);
}

}  // namespace hearth::quant
