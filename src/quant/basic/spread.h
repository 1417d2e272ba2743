#pragma once
// Small fields of a byte, each into a byte of its own: several codes per arithmetic step.
#include <cstdint>

namespace hearth::quant {

// Byte i of the result is bit i of `bits`: copy the byte eight times, keep one bit in each copy, make any kept bit a 1.
inline uint64_t spread_bits(uint8_t bits) {
  const uint64_t kept = bits * 0x0101010101010101u & 0x8040201008040201u;
  return (kept + 0x7F7F7F7F7F7F7F7Fu) >> 7 & 0x0101010101010101u;
}

// Byte i of the result is bits 2i and 2i + 1.
inline uint32_t spread_pairs(uint8_t pairs) {
  const uint32_t p = pairs;
  return (p | p << 6 | p << 12 | p << 18) & 0x03030303u;
}

}  // namespace hearth::quant
