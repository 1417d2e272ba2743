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
  constexpr uint64_t kOnes = 0x0101010101010101u;
  const auto put = [&](size_t j, uint64_t four_bits) {  // eight codes; a top bit lent to each byte keeps borrows out of the next
    const uint64_t eight = four_bits | spread_bits(high[j]) << 4, less = (eight + (128u - static_cast<unsigned>(zero)) * kOnes) ^ 128 * kOnes;
    std::memcpy(&codes[8 * j], &less, sizeof less);
  };
  for (size_t j = 0; j < 2; ++j) {
    uint64_t both;
    std::memcpy(&both, nibbles + 8 * j, sizeof both);
    put(j, both & 15 * kOnes);
    put(j + 2, both >> 4 & 15 * kOnes);
  }
}

inline void join_five_bits(std::span<const int8_t, 32> codes, int zero, uint8_t (&high)[4], uint8_t (&nibbles)[16]) {
  for (uint8_t& byte : high) byte = 0;
  for (size_t i = 0; i < 32; ++i) high[i / 8] |= static_cast<uint8_t>((codes[i] + zero) >> 4 << i % 8);
  for (size_t i = 0; i < 16; ++i)
    nibbles[i] = static_cast<uint8_t>(((codes[i] + zero) & 15) | ((codes[i + 16] + zero) & 15) << 4);
}

}  // namespace hearth::quant
