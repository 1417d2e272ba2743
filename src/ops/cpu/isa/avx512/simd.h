#pragma once
// Sixteen lanes on AVX-512 with VNNI. docs/adding/instruction_set.md says what each operation means; every instruction set has the same.
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "tensor/fp8.h"
#include "tensor/half.h"

namespace hearth::ops::cpu::avx512 {

struct Simd {
  using F = __m512;   // 16 floats
  using I = __m512i;  // 16 int32, or 64 bytes

  static constexpr unsigned kRows = 12, kDirectRows = 8;  // activation rows in a tile of unpacked codes, and of packed ones
  static constexpr unsigned kFloatRows = 12;                     // the same for float weights, which keep two sums per row
  static constexpr bool kPairSums = false;
  static constexpr unsigned kQueries = 12;      // of attention, in one register tile
  static constexpr unsigned kQuerySums = 24;    // registers of sums in such a tile
  static constexpr int kByteZero = 0;           // dot8 takes (code - kByteZero)

  static HEARTH_ALWAYS_INLINE __mmask16 first(unsigned n) { return static_cast<__mmask16>((1u << n) - 1); }

  static HEARTH_ALWAYS_INLINE F zero() { return _mm512_setzero_ps(); }
  static HEARTH_ALWAYS_INLINE F set1(float x) { return _mm512_set1_ps(x); }
  static HEARTH_ALWAYS_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
  static HEARTH_ALWAYS_INLINE void store(float* p, F v) { _mm512_storeu_ps(p, v); }
  static HEARTH_ALWAYS_INLINE F load_partial(const float* p, unsigned n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static HEARTH_ALWAYS_INLINE void store_partial(float* p, F v, unsigned n) { _mm512_mask_storeu_ps(p, first(n), v); }
  static HEARTH_ALWAYS_INLINE F load(const Fp16* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static HEARTH_ALWAYS_INLINE F load(const Bf16* p) {
    const __m256i half = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
  }
  // Through f16, whose exponent has one bit more: the same fields, exact, times 2^8. 0x7F is not a number.
  static HEARTH_ALWAYS_INLINE F load(const Fp8E4M3* p) {
    const __m256i words = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    const __m256i magnitude = _mm256_and_si256(words, _mm256_set1_epi16(0x7F));
    const __m256i sign = _mm256_slli_epi16(_mm256_xor_si256(words, magnitude), 8);
    const __mmask16 is_nan = _mm256_cmpeq_epi16_mask(magnitude, _mm256_set1_epi16(0x7F));
    const __m256i fields = _mm256_mask_blend_epi16(is_nan, _mm256_slli_epi16(magnitude, 7), _mm256_set1_epi16(0x7E00));
    return _mm512_mul_ps(_mm512_cvtph_ps(_mm256_or_si256(fields, sign)), _mm512_set1_ps(256));
  }
  static HEARTH_ALWAYS_INLINE void store_partial(Fp16* p, F v, unsigned n) {
    _mm256_mask_storeu_epi16(p, first(n), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }

  static HEARTH_ALWAYS_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
  static HEARTH_ALWAYS_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static HEARTH_ALWAYS_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static HEARTH_ALWAYS_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
  static HEARTH_ALWAYS_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  // A number that several vectors meet, g++ would keep in a register: on Zen 4 that costs a quarter of the speed beside conversions.
  static HEARTH_ALWAYS_INLINE F fma(const float* a, F b, F c) {
    asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(c) : "v"(b), "m"(*a));
    return c;
  }
  static HEARTH_ALWAYS_INLINE F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
  static HEARTH_ALWAYS_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
  static HEARTH_ALWAYS_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
  static HEARTH_ALWAYS_INLINE F abs(F a) { return _mm512_abs_ps(a); }
  static HEARTH_ALWAYS_INLINE F round(F a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  static HEARTH_ALWAYS_INLINE F if_less(F a, F b, F yes, F no) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), no, yes);
  }
  static HEARTH_ALWAYS_INLINE F first_else(unsigned n, F yes, F no) { return _mm512_mask_blend_ps(first(n), no, yes); }
  static HEARTH_ALWAYS_INLINE F with_sign_of(F magnitude, F sign) {
    const __m512i bit = _mm512_set1_epi32(static_cast<int>(0x80000000u));
    return _mm512_castsi512_ps(_mm512_or_si512(_mm512_andnot_si512(bit, _mm512_castps_si512(magnitude)),
                                               _mm512_and_si512(bit, _mm512_castps_si512(sign))));
  }
  static HEARTH_ALWAYS_INLINE F times_power(F a, I exponent) {
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_slli_epi32(exponent, 23)));
  }
  static HEARTH_ALWAYS_INLINE float sum(F v) {
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_shuffle_ps(four, four, 1)));
  }
  static HEARTH_ALWAYS_INLINE float largest(F v) { return _mm512_reduce_max_ps(v); }

  static HEARTH_ALWAYS_INLINE I izero() { return _mm512_setzero_si512(); }
  static HEARTH_ALWAYS_INLINE I iset1(int32_t x) { return _mm512_set1_epi32(x); }
  static HEARTH_ALWAYS_INLINE I bytes1(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
  static HEARTH_ALWAYS_INLINE I broadcast4(const void* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
  }
  static HEARTH_ALWAYS_INLINE I broadcast16(const void* p) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  static HEARTH_ALWAYS_INLINE I iload(const void* p) { return _mm512_loadu_si512(p); }
  static HEARTH_ALWAYS_INLINE void istore(void* p, I v) { _mm512_storeu_si512(p, v); }
  static HEARTH_ALWAYS_INLINE I widen(const int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static HEARTH_ALWAYS_INLINE I widen(const int16_t* p) {
    return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  }
  static HEARTH_ALWAYS_INLINE I widen(const uint8_t* p) {
    return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static HEARTH_ALWAYS_INLINE I where(uint32_t bits, int32_t x) {
    return _mm512_maskz_set1_epi32(static_cast<__mmask16>(bits), x);
  }
  static HEARTH_ALWAYS_INLINE void narrow(int8_t* p, I v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(v));
  }
  static HEARTH_ALWAYS_INLINE I iadd(I a, I b) { return _mm512_add_epi32(a, b); }
  static HEARTH_ALWAYS_INLINE I isub(I a, I b) { return _mm512_sub_epi32(a, b); }
  static HEARTH_ALWAYS_INLINE I imul(I a, I b) { return _mm512_mullo_epi32(a, b); }
  static HEARTH_ALWAYS_INLINE I both(I a, I b) { return _mm512_and_si512(a, b); }
  static HEARTH_ALWAYS_INLINE I either(I a, I b) { return _mm512_or_si512(a, b); }
  template <int kBits>
  static HEARTH_ALWAYS_INLINE I shift(I v) {
    if constexpr (kBits > 0) return _mm512_slli_epi16(v, kBits);
    else if constexpr (kBits < 0) return _mm512_srli_epi16(v, -kBits);
    else return v;
  }
  static HEARTH_ALWAYS_INLINE I pairs(I low, I high) {
    return _mm512_mask_blend_epi16(0xAAAAAAAAu, low, _mm512_slli_epi32(high, 16));
  }
  static HEARTH_ALWAYS_INLINE I look_up(I table, I index) { return _mm512_shuffle_epi8(table, index); }
  static HEARTH_ALWAYS_INLINE I dot7(I sum, I codes, I x) { return _mm512_dpbusd_epi32(sum, codes, x); }
  static HEARTH_ALWAYS_INLINE I dot8(I sum, I codes, I x) { return _mm512_dpbusd_epi32(sum, codes, x); }
  static HEARTH_ALWAYS_INLINE I dot_pairs(I sum, I a, I b) { return _mm512_dpwssd_epi32(sum, a, b); }
  static HEARTH_ALWAYS_INLINE I sub8(I a, I b) { return _mm512_sub_epi8(a, b); }
  template <int kBits>
  static HEARTH_ALWAYS_INLINE I shift32(I v) {
    return _mm512_slli_epi32(v, kBits);
  }
  static HEARTH_ALWAYS_INLINE I sub16(I a, I b) { return _mm512_sub_epi16(a, b); }
  static HEARTH_ALWAYS_INLINE I mul16(I a, I b) { return _mm512_mullo_epi16(a, b); }
  template <int kBits>
  static HEARTH_ALWAYS_INLINE I halved16(I v) {
    return _mm512_srai_epi16(v, kBits);
  }
  static HEARTH_ALWAYS_INLINE F bf16_even(I v) { return _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)); }
  static HEARTH_ALWAYS_INLINE F bf16_odd(I v) {
    return _mm512_castsi512_ps(_mm512_and_si512(v, _mm512_set1_epi32(static_cast<int>(0xFFFF0000u))));
  }
  static HEARTH_ALWAYS_INLINE F round_bf16(F v) {
    const __m512i bits = _mm512_castps_si512(v);
    return bf16_odd(_mm512_mask_add_epi32(bits, _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), bits, _mm512_set1_epi32(0x8000)));
  }
  static HEARTH_ALWAYS_INLINE I bf16_pairs(F even, F odd) {
    return _mm512_mask_blend_epi16(0xAAAAAAAAu, _mm512_srli_epi32(_mm512_castps_si512(even), 16), _mm512_castps_si512(odd));
  }
  static HEARTH_ALWAYS_INLINE F to_float(I v) { return _mm512_cvtepi32_ps(v); }
  static HEARTH_ALWAYS_INLINE I to_int(F v) { return _mm512_cvtps_epi32(v); }
  static HEARTH_ALWAYS_INLINE int32_t isum(I v) { return _mm512_reduce_add_epi32(v); }
};

}  // namespace hearth::ops::cpu::avx512
