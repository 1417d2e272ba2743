#pragma once
// Signs of eight weights in seven bits: the eighth makes the number of negative ones even.
#include <bit>
#include <cstdint>

namespace hearth::quant {

// Bit i is set where weight i is negative.
constexpr uint8_t even_signs(uint32_t seven_bits) {
  const uint32_t bits = seven_bits & 127;
  return static_cast<uint8_t>(bits | (std::popcount(bits) & 1u) << 7);
}

constexpr int8_t with_sign(int8_t magnitude, uint32_t signs, size_t i) {
  return signs >> i & 1 ? static_cast<int8_t>(-magnitude) : magnitude;
}

}  // namespace hearth::quant
