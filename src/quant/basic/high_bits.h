#pragma once
// The fifth bits of Q5_0 and Q5_1: bit i of a little-endian 32-bit word belongs to weight i, its low four bits to a
// nibble (low halves of the bytes are weights 0..15, high halves 16..31).
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "quant/basic/spread.h"

namespace hearth::quant {

inline void split_five_bits(const uint8_t (&high)[4], const uint8_t (&nibbles)[16], int zero,
                            std::span<int8_t, 32> codes) {
  uint64_t tops[4];
  for (size_t j = 0; j < 4; ++j) tops[j] = spread_bits(high[j]) << 4;
  uint8_t top[32];
  std::memcpy(top, tops, sizeof top);
  for (size_t i = 0; i < 16; ++i) {
    codes[i] = static_cast<int8_t>(((nibbles[i] & 15) | top[i]) - zero);
    codes[i + 16] = static_cast<int8_t>((nibbles[i] >> 4 | top[i + 16]) - zero);
  }
}

inline void join_five_bits(std::span<const int8_t, 32> codes, int zero, uint8_t (&high)[4], uint8_t (&nibbles)[16]) {
  for (uint8_t& byte : high) byte = 0;
  for (size_t i = 0; i < 32; ++i) high[i / 8] |= static_cast<uint8_t>((codes[i] + zero) >> 4 << i % 8);
  for (size_t i = 0; i < 16; ++i)
    nibbles[i] = static_cast<uint8_t>(((codes[i] + zero) & 15) | ((codes[i + 16] + zero) & 15) << 4);
}

}  // namespace hearth::quant
