#pragma once
// Nibbles that index a table of sixteen small integers.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace hearth::quant {

using Values16 = std::array<int8_t, 16>;

// 2 * kHalf nibbles from kHalf bytes: low halves of the bytes come first, then the high halves.
template <size_t kHalf>
void split_nibbles(const uint8_t* bytes, std::span<int8_t, 2 * kHalf> nibbles) {
  static_assert(kHalf % 8 == 0, "eight bytes per arithmetic step");
  constexpr uint64_t kLow = 0x0F0F0F0F0F0F0F0Fu;
  for (size_t i = 0; i < kHalf; i += 8) {
    uint64_t both;
    std::memcpy(&both, bytes + i, sizeof both);
    const uint64_t low = both & kLow, high = both >> 4 & kLow;
    std::memcpy(&nibbles[i], &low, sizeof low);
    std::memcpy(&nibbles[i + kHalf], &high, sizeof high);
  }
}

// Nibbles to what they mean, in place.
template <size_t kCount>
void look_up(const Values16& table, std::span<int8_t, kCount> codes) {
  for (int8_t& code : codes) code = table[static_cast<size_t>(code)];
}

// The first nibble that means `value`, which is one of the table's.
inline uint8_t nibble_of(const Values16& table, int value) {
  uint8_t nibble = 0;
  while (nibble < 15 && table[nibble] != value) ++nibble;
  return nibble;
}

// The inverse of split_nibbles and look_up.
template <size_t kHalf>
void look_back(const Values16& table, const int8_t* codes, uint8_t* nibbles) {
  for (size_t i = 0; i < kHalf; ++i)
    nibbles[i] = static_cast<uint8_t>(nibble_of(table, codes[i]) | nibble_of(table, codes[i + kHalf]) << 4);
}

}  // namespace hearth::quant
