#pragma once
// Sixteen lanes as two AVX2 registers, with AVX-VNNI: four products of bytes added in 32 bits by one instruction.
#include "ops/cpu/isa/avx2/simd.h"

namespace hearth::ops::cpu::avx2_vnni {

struct Simd : avx2::Simd {
  static constexpr bool kPairSums = false;
  static constexpr int kByteZero = 0;

  static HEARTH_ALWAYS_INLINE I dot7(I sum, I codes, I x) {
    return {_mm256_dpbusd_avx_epi32(sum.lo, codes.lo, x.lo), _mm256_dpbusd_avx_epi32(sum.hi, codes.hi, x.hi)};
  }
  static HEARTH_ALWAYS_INLINE I dot8(I sum, I codes, I x) { return dot7(sum, codes, x); }
  static HEARTH_ALWAYS_INLINE I dot_pairs(I sum, I a, I b) {
    return {_mm256_dpwssd_avx_epi32(sum.lo, a.lo, b.lo), _mm256_dpwssd_avx_epi32(sum.hi, a.hi, b.hi)};
  }
};

}  // namespace hearth::ops::cpu::avx2_vnni
