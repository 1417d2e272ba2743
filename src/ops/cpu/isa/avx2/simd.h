#pragma once
// Sixteen lanes as two AVX2 registers. docs/adding/instruction_set.md says what each operation means; every instruction set has the same.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "tensor/fp8.h"
#include "tensor/half.h"

namespace hearth::ops::cpu::avx2 {

struct Simd {
  struct F {
    __m256 lo, hi;
  };
  struct I {
    __m256i lo, hi;
  };

  static constexpr unsigned kRows = 3, kDirectRows = 3;
  static constexpr unsigned kFloatRows = 3;
  static constexpr bool kPairSums = true;
  static constexpr unsigned kWordRows = 4;
  static constexpr unsigned kQueries = 6;
  static constexpr unsigned kQuerySums = 6;
  static constexpr int kByteZero = 128;  // vpmaddubsw saturates with 8-bit codes, so dot8 works on signed ones

  static HEARTH_ALWAYS_INLINE F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static HEARTH_ALWAYS_INLINE F set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static HEARTH_ALWAYS_INLINE F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static HEARTH_ALWAYS_INLINE void store(float* p, F v) {
    _mm256_storeu_ps(p, v.lo);
    _mm256_storeu_ps(p + 8, v.hi);
  }
  static HEARTH_ALWAYS_INLINE F load_partial(const float* p, unsigned n) {
    float whole[16] = {};
    std::memcpy(whole, p, n * sizeof(float));
    return load(whole);
  }
  static HEARTH_ALWAYS_INLINE void store_partial(float* p, F v, unsigned n) {
    float whole[16];
    store(whole, v);
    std::memcpy(p, whole, n * sizeof(float));
  }
  static HEARTH_ALWAYS_INLINE F load(const Fp16* p) {
    const auto* q = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtph_ps(_mm_loadu_si128(q)), _mm256_cvtph_ps(_mm_loadu_si128(q + 1))};
  }
  static HEARTH_ALWAYS_INLINE F load(const Bf16* p) {
    const auto* q = reinterpret_cast<const __m128i*>(p);
    const auto wide = [](__m128i half) __attribute__((always_inline)) {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
    };
    return {wide(_mm_loadu_si128(q)), wide(_mm_loadu_si128(q + 1))};
  }
  // Through f16, whose exponent has one bit more: the same fields, exact, times 2^8. 0x7F is not a number.
  static HEARTH_ALWAYS_INLINE F load(const Fp8E4M3* p) {
    const __m256i words = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m256i magnitude = _mm256_and_si256(words, _mm256_set1_epi16(0x7F));
    const __m256i nan = _mm256_and_si256(_mm256_cmpeq_epi16(magnitude, _mm256_set1_epi16(0x7F)), _mm256_set1_epi16(0x7E00));
    const __m256i half = _mm256_or_si256(_mm256_or_si256(_mm256_slli_epi16(magnitude, 7), nan),
                                         _mm256_slli_epi16(_mm256_xor_si256(words, magnitude), 8));
    return mul({_mm256_cvtph_ps(_mm256_castsi256_si128(half)), _mm256_cvtph_ps(_mm256_extracti128_si256(half, 1))}, set1(256));
  }
  static HEARTH_ALWAYS_INLINE void store_partial(Fp16* p, F v, unsigned n) {
    __m128i whole[2] = {_mm256_cvtps_ph(v.lo, _MM_FROUND_TO_NEAREST_INT), _mm256_cvtps_ph(v.hi, _MM_FROUND_TO_NEAREST_INT)};
    std::memcpy(p, whole, n * sizeof(Fp16));
  }

  static HEARTH_ALWAYS_INLINE F add(F a, F b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE F sub(F a, F b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE F mul(F a, F b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE F div(F a, F b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE F fma(F a, F b, F c) {
    return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
  }
  static HEARTH_ALWAYS_INLINE F fma(const float* a, F b, F c) { return fma(set1(*a), b, c); }
  static HEARTH_ALWAYS_INLINE F fnma(F a, F b, F c) {
    return {_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
  }
  static HEARTH_ALWAYS_INLINE F max(F a, F b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE F min(F a, F b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE F abs(F a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
  }
  static HEARTH_ALWAYS_INLINE F round(F a) {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(a.lo, kNearest), _mm256_round_ps(a.hi, kNearest)};
  }
  static HEARTH_ALWAYS_INLINE F if_less(F a, F b, F yes, F no) {
    return {_mm256_blendv_ps(no.lo, yes.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ)),
            _mm256_blendv_ps(no.hi, yes.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ))};
  }
  static HEARTH_ALWAYS_INLINE F first_else(unsigned n, F yes, F no) {
    const __m256 lane = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7), eight = _mm256_set1_ps(8);
    const F lanes{lane, _mm256_add_ps(lane, eight)};
    return if_less(lanes, set1(static_cast<float>(n)), yes, no);
  }
  static HEARTH_ALWAYS_INLINE F with_sign_of(F magnitude, F sign) {
    const __m256 bit = _mm256_set1_ps(-0.0f);
    const F m = abs(magnitude);
    return {_mm256_or_ps(m.lo, _mm256_and_ps(bit, sign.lo)), _mm256_or_ps(m.hi, _mm256_and_ps(bit, sign.hi))};
  }
  static HEARTH_ALWAYS_INLINE F times_power(F a, I exponent) {
    return {_mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a.lo), _mm256_slli_epi32(exponent.lo, 23))),
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a.hi), _mm256_slli_epi32(exponent.hi, 23)))};
  }
  static HEARTH_ALWAYS_INLINE float sum(F v) {
    const __m256 eight = _mm256_add_ps(v.lo, v.hi);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_shuffle_ps(four, four, 1)));
  }
  static HEARTH_ALWAYS_INLINE float largest(F v) {
    const __m256 eight = _mm256_max_ps(v.lo, v.hi);
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_shuffle_ps(four, four, 1)));
  }

  static HEARTH_ALWAYS_INLINE I izero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static HEARTH_ALWAYS_INLINE I iset1(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
  static HEARTH_ALWAYS_INLINE I bytes1(int x) {
    return {_mm256_set1_epi8(static_cast<char>(x)), _mm256_set1_epi8(static_cast<char>(x))};
  }
  static HEARTH_ALWAYS_INLINE I broadcast4(const void* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return iset1(four);
  }
  static HEARTH_ALWAYS_INLINE I broadcast16(const void* p) {
    const __m256i v = _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    return {v, v};
  }
  static HEARTH_ALWAYS_INLINE I iload(const void* p) {
    const auto* q = static_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(q), _mm256_loadu_si256(q + 1)};
  }
  static HEARTH_ALWAYS_INLINE void istore(void* p, I v) {
    auto* q = static_cast<__m256i*>(p);
    _mm256_storeu_si256(q, v.lo);
    _mm256_storeu_si256(q + 1, v.hi);
  }
  static HEARTH_ALWAYS_INLINE I widen(const int8_t* p) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi8_epi32(v), _mm256_cvtepi8_epi32(_mm_srli_si128(v, 8))};
  }
  static HEARTH_ALWAYS_INLINE I widen(const int16_t* p) {
    const auto* q = reinterpret_cast<const __m128i*>(p);
    return {_mm256_cvtepi16_epi32(_mm_loadu_si128(q)), _mm256_cvtepi16_epi32(_mm_loadu_si128(q + 1))};
  }
  static HEARTH_ALWAYS_INLINE I widen(const uint8_t* p) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepu8_epi32(v), _mm256_cvtepu8_epi32(_mm_srli_si128(v, 8))};
  }
  static HEARTH_ALWAYS_INLINE I where(uint32_t bits, int32_t x) {
    const __m256i all = _mm256_set1_epi32(static_cast<int>(bits)), value = _mm256_set1_epi32(x);
    const __m256i lo = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128), hi = _mm256_slli_epi32(lo, 8);
    return {_mm256_and_si256(_mm256_cmpeq_epi32(_mm256_and_si256(all, lo), lo), value),
            _mm256_and_si256(_mm256_cmpeq_epi32(_mm256_and_si256(all, hi), hi), value)};
  }
  static HEARTH_ALWAYS_INLINE void narrow(int8_t* p, I v) {
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(v.lo, v.hi), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                     _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
  }
  static HEARTH_ALWAYS_INLINE I iadd(I a, I b) { return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE I isub(I a, I b) { return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE I imul(I a, I b) {
    return {_mm256_mullo_epi32(a.lo, b.lo), _mm256_mullo_epi32(a.hi, b.hi)};
  }
  static HEARTH_ALWAYS_INLINE I both(I a, I b) { return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE I either(I a, I b) { return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)}; }
  template <int kBits>
  static HEARTH_ALWAYS_INLINE I shift(I v) {
    if constexpr (kBits > 0) return {_mm256_slli_epi16(v.lo, kBits), _mm256_slli_epi16(v.hi, kBits)};
    else if constexpr (kBits < 0) return {_mm256_srli_epi16(v.lo, -kBits), _mm256_srli_epi16(v.hi, -kBits)};
    else return v;
  }
  static HEARTH_ALWAYS_INLINE I pairs(I low, I high) {
    return {_mm256_blend_epi16(low.lo, _mm256_slli_epi32(high.lo, 16), 0xAA),
            _mm256_blend_epi16(low.hi, _mm256_slli_epi32(high.hi, 16), 0xAA)};
  }
  static HEARTH_ALWAYS_INLINE I look_up(I table, I index) {
    return {_mm256_shuffle_epi8(table.lo, index.lo), _mm256_shuffle_epi8(table.hi, index.hi)};
  }
  static HEARTH_ALWAYS_INLINE I pair_sums7(I codes, I x) {
    return {_mm256_maddubs_epi16(codes.lo, x.lo), _mm256_maddubs_epi16(codes.hi, x.hi)};
  }
  static HEARTH_ALWAYS_INLINE I pair_sums8(I codes, I x) {
    const __m256i flip = _mm256_set1_epi8(static_cast<char>(0x80));
    const __m256i lo = _mm256_xor_si256(codes.lo, flip), hi = _mm256_xor_si256(codes.hi, flip);
    return {_mm256_maddubs_epi16(_mm256_abs_epi8(lo), _mm256_sign_epi8(x.lo, lo)),
            _mm256_maddubs_epi16(_mm256_abs_epi8(hi), _mm256_sign_epi8(x.hi, hi))};
  }
  static HEARTH_ALWAYS_INLINE I even_bytes(I v) {
    return {_mm256_srai_epi16(_mm256_slli_epi16(v.lo, 8), 8), _mm256_srai_epi16(_mm256_slli_epi16(v.hi, 8), 8)};
  }
  static HEARTH_ALWAYS_INLINE I odd_bytes(I v) { return {_mm256_srai_epi16(v.lo, 8), _mm256_srai_epi16(v.hi, 8)}; }
  static HEARTH_ALWAYS_INLINE I add16(I a, I b) { return {_mm256_add_epi16(a.lo, b.lo), _mm256_add_epi16(a.hi, b.hi)}; }
  static HEARTH_ALWAYS_INLINE I dot_pairs(I sum, I a, I b) {
    return {_mm256_add_epi32(sum.lo, _mm256_madd_epi16(a.lo, b.lo)), _mm256_add_epi32(sum.hi, _mm256_madd_epi16(a.hi, b.hi))};
  }
  static HEARTH_ALWAYS_INLINE F bf16_even(I v) {
    return {_mm256_castsi256_ps(_mm256_slli_epi32(v.lo, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(v.hi, 16))};
  }
  static HEARTH_ALWAYS_INLINE F bf16_odd(I v) {
    const __m256i high = _mm256_set1_epi32(static_cast<int>(0xFFFF0000u));
    return {_mm256_castsi256_ps(_mm256_and_si256(v.lo, high)), _mm256_castsi256_ps(_mm256_and_si256(v.hi, high))};
  }
  static HEARTH_ALWAYS_INLINE F to_float(I v) { return {_mm256_cvtepi32_ps(v.lo), _mm256_cvtepi32_ps(v.hi)}; }
  static HEARTH_ALWAYS_INLINE I to_int(F v) { return {_mm256_cvtps_epi32(v.lo), _mm256_cvtps_epi32(v.hi)}; }
  static HEARTH_ALWAYS_INLINE int32_t isum(I v) {
    int32_t whole[16], total = 0;
    istore(whole, v);
    for (int32_t x : whole) total += x;
    return total;
  }
};

}  // namespace hearth::ops::cpu::avx2
