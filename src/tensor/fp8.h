#pragma once
// The 8-bit float e4m3 (OCP 8-bit Floating Point, "E4M3"): 1 sign, 4 exponent (bias 7), 3 mantissa bits; no infinity, largest
// magnitude 448. always_inline for the same reason as half.h.
#include "tensor/half.h"

namespace hearth {

struct Fp8E4M3 {
  uint8_t bits;

  static HEARTH_ALWAYS_INLINE constexpr float decode(uint8_t b) {
    const uint32_t magnitude = b & 0x7Fu;
    const float value = Fp16::decode(static_cast<uint16_t>(magnitude << 7)) * 256;  // same fields, exponent bias 15: exact
    const uint32_t bits = magnitude == 0x7F ? 0x7FC00000 : std::bit_cast<uint32_t>(value);
    return std::bit_cast<float>(bits | uint32_t{b & 0x80u} << 24);
  }

  // Rounds to nearest even. Finite values beyond 448 saturate; infinity becomes NaN.
  static HEARTH_ALWAYS_INLINE constexpr uint8_t encode(float f) {
    const uint32_t x = std::bit_cast<uint32_t>(f), all = x & 0x7FFFFFFF;
    const uint32_t magnitude = all > 0x43E00000 ? 0x43E00000 : all;
    // Below 2^-6 the unit is 2^-9: adding 2^14 rounds to it.
    const uint32_t tiny = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 16384.0f) - 0x46800000;
    const uint32_t normal = (magnitude + 0x7FFFF + (magnitude >> 20 & 1) - 0x3C000000) >> 20;
    const uint32_t rounded = all >= 0x7F800000 ? 0x7F : magnitude < 0x3C800000 ? tiny : normal;
    return static_cast<uint8_t>(rounded | (x >> 24 & 0x80));
  }

  HEARTH_ALWAYS_INLINE constexpr operator float() const { return decode(bits); }
  static HEARTH_ALWAYS_INLINE constexpr Fp8E4M3 from(float f) { return {encode(f)}; }
};

static_assert(sizeof(Fp8E4M3) == 1);

}  // namespace hearth
