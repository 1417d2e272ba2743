#pragma once
// Sixteen lanes on AVX-512 with BF16: two products of bf16 added in f32 by one instruction, which takes subnormal inputs as 0 and
// turns subnormal sums into 0.
#include "ops/cpu/isa/avx512/simd.h"

namespace hearth::ops::cpu::avx512_bf16 {

struct Simd : avx512::Simd {
  static HEARTH_ALWAYS_INLINE void store_bf16(Bf16* p, F v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }
  static HEARTH_ALWAYS_INLINE F dot_bf16(F sum, I a, I b) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

}  // namespace hearth::ops::cpu::avx512_bf16
