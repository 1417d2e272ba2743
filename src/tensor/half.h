#pragma once
// The two 16-bit float types as two bytes with exact conversions. Rounding to nearest even; no hardware support is assumed,
// so these may be used anywhere. always_inline: files compiled for one instruction set must not export weak copies.
#include <bit>
#include <cstdint>

namespace hearth {

#define HEARTH_ALWAYS_INLINE __attribute__((always_inline)) inline

struct Fp16 {  // IEEE binary16: 1 sign, 5 exponent, 10 mantissa bits
  uint16_t bits;

  static HEARTH_ALWAYS_INLINE constexpr float decode(uint16_t h) {
    const uint32_t sign = uint32_t{h & 0x8000u} << 16;
    const uint32_t magnitude = h & 0x7FFFu;
    if (magnitude >= 0x7C00) return std::bit_cast<float>(sign | 0x7F800000 | (magnitude & 0x3FF) << 13);
    if (magnitude >= 0x0400) return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000));
    const float tiny = static_cast<float>(magnitude) * 0x1.0p-24f;  // subnormal: exact product
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(tiny));
  }

  static HEARTH_ALWAYS_INLINE constexpr uint16_t encode(float f) {
    const uint32_t x = std::bit_cast<uint32_t>(f);
    const uint16_t sign = static_cast<uint16_t>(x >> 16 & 0x8000);
    const uint32_t magnitude = x & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return static_cast<uint16_t>(sign | 0x7E00 | (magnitude >> 13 & 0x1FF));  // NaN stays NaN
    if (magnitude >= 0x477FF000) return sign | 0x7C00;                    // rounds to infinity
    if (magnitude < 0x38800000) {                                         // subnormal half: add so that the unit is 2^-24
      const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
      return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000));
    }
    const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return static_cast<uint16_t>(sign | ((rounded - 0x38000000) >> 13));
  }

  HEARTH_ALWAYS_INLINE constexpr operator float() const { return decode(bits); }
  static HEARTH_ALWAYS_INLINE constexpr Fp16 from(float f) { return {encode(f)}; }
};

struct Bf16 {  // the upper half of a binary32
  uint16_t bits;

  static HEARTH_ALWAYS_INLINE constexpr float decode(uint16_t b) { return std::bit_cast<float>(uint32_t{b} << 16); }
  static HEARTH_ALWAYS_INLINE constexpr uint16_t encode(float f) {
    const uint32_t x = std::bit_cast<uint32_t>(f);
    if ((x & 0x7FFFFFFF) > 0x7F800000) return static_cast<uint16_t>(x >> 16 | 0x40);
    return static_cast<uint16_t>((x + 0x7FFF + (x >> 16 & 1)) >> 16);
  }

  HEARTH_ALWAYS_INLINE constexpr operator float() const { return decode(bits); }
  static HEARTH_ALWAYS_INLINE constexpr Bf16 from(float f) { return {encode(f)}; }
};

static_assert(sizeof(Fp16) == 2 && sizeof(Bf16) == 2);

}  // namespace hearth
