#pragma once
// How a running model writes blocks: scales straight from the extremes, codes to nearest. The searches of quant/fit.h find
// better scales and take a thousand times longer. A value that is not finite makes the scale NaN: it spoils its block, loudly.
// Loops have 32 rounds and no branches, so that compilers make vectors of them; the same bits with every instruction set.
#include <cstdint>

#include "tensor/half.h"

namespace hearth::ops::kv {

// Floats in the order of integers: NaNs come before or after all numbers, by their sign.
HEARTH_ALWAYS_INLINE int32_t ordered(float x) {
  const int32_t bits = std::bit_cast<int32_t>(x);
  return bits ^ (bits >> 31 & 0x7FFFFFFF);
}
HEARTH_ALWAYS_INLINE float unordered(int32_t order) { return std::bit_cast<float>(order ^ (order >> 31 & 0x7FFFFFFF)); }

struct Extremes {
  float least, most;
};
HEARTH_ALWAYS_INLINE Extremes extremes(const float* x) {
  int32_t least = ordered(x[0]), most = least;
  for (int i = 0; i < 32; ++i) {
    const int32_t order = ordered(x[i]);
    least = order < least ? order : least;
    most = order > most ? order : most;
  }
  return {unordered(least), unordered(most)};
}

// The one of larger magnitude; a NaN has the largest.
HEARTH_ALWAYS_INLINE float farthest(Extremes e) {
  const uint32_t least = std::bit_cast<uint32_t>(e.least) & 0x7FFFFFFF, most = std::bit_cast<uint32_t>(e.most) & 0x7FFFFFFF;
  return most < least ? e.least : e.most;
}

HEARTH_ALWAYS_INLINE float largest_magnitude(const float* x) {
  uint32_t largest = 0;
  for (int i = 0; i < 32; ++i) {
    const uint32_t magnitude = std::bit_cast<uint32_t>(x[i]) & 0x7FFFFFFF;
    largest = magnitude > largest ? magnitude : largest;
  }
  return std::bit_cast<float>(largest);
}

// Finite numbers beyond the range of f16 saturate, infinities become NaN.
HEARTH_ALWAYS_INLINE Fp16 half_of(float x) {
  const float magnitude = __builtin_fabsf(x);
  const float bounded = magnitude > 65504 && magnitude < __builtin_inff() ? __builtin_copysignf(65504, x) : x;
  return Fp16::from(bounded + bounded * 0);
}

HEARTH_ALWAYS_INLINE float inverse_of(Fp16 scale) {
  const float s = scale;
  return s == 0 ? 0 : 1 / s;
}

// The nearest integer from lo to hi, ties to even; NaN becomes lo.
HEARTH_ALWAYS_INLINE int nearest(float x, float lo, float hi) {
  const float above = x > lo ? x : lo, bounded = above < hi ? above : hi;
  return static_cast<int>((bounded + 12582912.0f) - 12582912.0f);  // 1.5 * 2^23 leaves no bits for the fraction
}

}  // namespace hearth::ops::kv
