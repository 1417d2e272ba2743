#pragma once
// Signs of eight weights, and how they meet magnitudes.
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "quant/basic/spread.h"

namespace hearth::quant {

// Seven bits say eight signs: the eighth makes the number of negative weights even. Bit i is set where weight i is negative.
constexpr uint8_t even_signs(uint32_t seven_bits) {
  const uint32_t bits = seven_bits & 127, half = (bits ^ bits >> 4) & 15;
  constexpr uint32_t kOdd = 0b0110'1001'1001'0110;  // bit n: whether n has an odd number of ones
  return static_cast<uint8_t>(bits | (kOdd >> half & 1) << 7);
}

// Eight weights, bit i of `signs` set where weight i is negative: two's complement in eight bytes at once. No magnitude is 0.
inline void put_signed(uint64_t magnitudes, uint8_t signs, int8_t* codes) {
  const uint64_t negative = spread_bits(signs), weights = (magnitudes ^ ((negative << 8) - negative)) + negative;
  std::memcpy(codes, &weights, sizeof weights);
}

// The coordinates of one vector of eight, or of two of four.
inline uint64_t coordinates(const std::array<int8_t, 8>& vector) { return std::bit_cast<uint64_t>(vector); }
inline uint64_t coordinates(const std::array<int8_t, 4>& first, const std::array<int8_t, 4>& second) {
  return std::bit_cast<uint32_t>(first) | uint64_t{std::bit_cast<uint32_t>(second)} << 32;
}

}  // namespace hearth::quant
