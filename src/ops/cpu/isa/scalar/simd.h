#pragma once
// Sixteen lanes as plain loops, for any processor. docs/adding/instruction_set.md says what each operation means.
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tensor/fp8.h"
#include "tensor/half.h"

// Each operation is a loop over lanes already: with loops around it unrolled, kernels take minutes to compile.
#define HEARTH_UNROLL

namespace hearth::ops::cpu::scalar {

struct Simd {
  struct F {
    float v[16];
  };
  struct I {
    int32_t v[16];
  };

  static constexpr unsigned kRows = 2, kDirectRows = 2;
  static constexpr unsigned kFloatRows = 2;
  static constexpr bool kPairSums = false;
  static constexpr unsigned kQueries = 4;
  static constexpr unsigned kQuerySums = 4;
  static constexpr int kByteZero = 0;

  template <class Lane>
  static HEARTH_ALWAYS_INLINE F floats(Lane lane) {
    F out;
    for (int i = 0; i < 16; ++i) out.v[i] = lane(i);
    return out;
  }
  template <class Lane>
  static HEARTH_ALWAYS_INLINE I ints(Lane lane) {
    I out;
    for (int i = 0; i < 16; ++i) out.v[i] = static_cast<int32_t>(lane(i));
    return out;
  }
  // Bytes: lane(byte number, byte of a, byte of b).
  template <class Lane>
  static HEARTH_ALWAYS_INLINE I bytes(I a, I b, Lane lane) {
    uint8_t p[64], q[64];
    std::memcpy(p, &a, 64);
    std::memcpy(q, &b, 64);
    for (int i = 0; i < 64; ++i) p[i] = static_cast<uint8_t>(lane(i, p[i], q[i]));
    return iload(p);
  }

  static HEARTH_ALWAYS_INLINE F zero() { return set1(0); }
  static HEARTH_ALWAYS_INLINE F set1(float x) {
    return floats([=](int) { return x; });
  }
  static HEARTH_ALWAYS_INLINE F load(const float* p) {
    return floats([=](int i) { return p[i]; });
  }
  static HEARTH_ALWAYS_INLINE void store(float* p, F v) { std::memcpy(p, v.v, sizeof v); }
  static HEARTH_ALWAYS_INLINE F load_partial(const float* p, unsigned n) {
    F out = zero();
    std::memcpy(out.v, p, n * sizeof(float));
    return out;
  }
  static HEARTH_ALWAYS_INLINE void store_partial(float* p, F v, unsigned n) { std::memcpy(p, v.v, n * sizeof(float)); }
  static HEARTH_ALWAYS_INLINE F load(const Fp16* p) {
    return floats([=](int i) { return Fp16::decode(p[i].bits); });
  }
  static HEARTH_ALWAYS_INLINE F load(const Bf16* p) {
    return floats([=](int i) { return Bf16::decode(p[i].bits); });
  }
  static HEARTH_ALWAYS_INLINE F load(const Fp8E4M3* p) {
    return floats([=](int i) { return Fp8E4M3::decode(p[i].bits); });
  }
  static HEARTH_ALWAYS_INLINE void store_partial(Fp16* p, F v, unsigned n) {
    for (unsigned i = 0; i < n; ++i) p[i].bits = Fp16::encode(v.v[i]);
  }

  static HEARTH_ALWAYS_INLINE F add(F a, F b) {
    return floats([&](int i) { return a.v[i] + b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F sub(F a, F b) {
    return floats([&](int i) { return a.v[i] - b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F mul(F a, F b) {
    return floats([&](int i) { return a.v[i] * b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F div(F a, F b) {
    return floats([&](int i) { return a.v[i] / b.v[i]; });
  }
  // Two roundings: a fused product is a library call on processors without the instruction.
  static HEARTH_ALWAYS_INLINE F fma(F a, F b, F c) {
    return floats([&](int i) { return a.v[i] * b.v[i] + c.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F fma(const float* a, F b, F c) { return fma(set1(*a), b, c); }
  static HEARTH_ALWAYS_INLINE F fnma(F a, F b, F c) {
    return floats([&](int i) { return c.v[i] - a.v[i] * b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F max(F a, F b) {
    return floats([&](int i) { return a.v[i] > b.v[i] ? a.v[i] : b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F min(F a, F b) {
    return floats([&](int i) { return a.v[i] < b.v[i] ? a.v[i] : b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F abs(F a) {
    return floats([&](int i) { return __builtin_fabsf(a.v[i]); });
  }
  static HEARTH_ALWAYS_INLINE F round(F a) {  // |a| < 2^22: adding 1.5 * 2^23 leaves no bits for the fraction
    return floats([&](int i) { return (a.v[i] + 0x1.8p23f) - 0x1.8p23f; });
  }
  static HEARTH_ALWAYS_INLINE F if_less(F a, F b, F yes, F no) {
    return floats([&](int i) { return a.v[i] < b.v[i] ? yes.v[i] : no.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F first_else(unsigned n, F yes, F no) {
    return floats([&](int i) { return i < static_cast<int>(n) ? yes.v[i] : no.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE F with_sign_of(F magnitude, F sign) {
    return floats([&](int i) { return __builtin_copysignf(magnitude.v[i], sign.v[i]); });
  }
  static HEARTH_ALWAYS_INLINE F times_power(F a, I exponent) {
    return floats([&](int i) {
      const uint32_t shifted = static_cast<uint32_t>(exponent.v[i]) << 23;
      return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, a.v[i]) + shifted);
    });
  }
  static HEARTH_ALWAYS_INLINE float sum(F v) {
    for (int n = 8; n > 0; n /= 2)
      for (int i = 0; i < n; ++i) v.v[i] += v.v[i + n];
    return v.v[0];
  }
  static HEARTH_ALWAYS_INLINE float largest(F v) {
    float top = v.v[0];
    for (float x : v.v) top = x > top ? x : top;
    return top;
  }

  static HEARTH_ALWAYS_INLINE I izero() { return iset1(0); }
  static HEARTH_ALWAYS_INLINE I iset1(int32_t x) {
    return ints([=](int) { return x; });
  }
  static HEARTH_ALWAYS_INLINE I bytes1(int x) { return iset1(static_cast<int32_t>(0x01010101u * static_cast<uint8_t>(x))); }
  static HEARTH_ALWAYS_INLINE I broadcast4(const void* p) {
    int32_t four;
    std::memcpy(&four, p, 4);
    return iset1(four);
  }
  static HEARTH_ALWAYS_INLINE I broadcast16(const void* p) {
    I out;
    for (int i = 0; i < 4; ++i) std::memcpy(out.v + 4 * i, p, 16);
    return out;
  }
  static HEARTH_ALWAYS_INLINE I iload(const void* p) {
    I out;
    std::memcpy(&out, p, 64);
    return out;
  }
  static HEARTH_ALWAYS_INLINE void istore(void* p, I v) { std::memcpy(p, &v, 64); }
  static HEARTH_ALWAYS_INLINE I widen(const int8_t* p) {
    return ints([=](int i) { return p[i]; });
  }
  static HEARTH_ALWAYS_INLINE I widen(const int16_t* p) {
    return ints([=](int i) { return p[i]; });
  }
  static HEARTH_ALWAYS_INLINE I widen(const uint8_t* p) {
    return ints([=](int i) { return p[i]; });
  }
  static HEARTH_ALWAYS_INLINE I where(uint32_t bits, int32_t x) {
    return ints([=](int i) { return bits >> i & 1 ? x : 0; });
  }
  static HEARTH_ALWAYS_INLINE void narrow(int8_t* p, I v) {
    for (int i = 0; i < 16; ++i) p[i] = static_cast<int8_t>(v.v[i] < -128 ? -128 : v.v[i] > 127 ? 127 : v.v[i]);
  }
  static HEARTH_ALWAYS_INLINE I iadd(I a, I b) {
    return ints([&](int i) { return a.v[i] + b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE I isub(I a, I b) {
    return ints([&](int i) { return a.v[i] - b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE I imul(I a, I b) {
    return ints([&](int i) { return a.v[i] * b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE I both(I a, I b) {
    return ints([&](int i) { return a.v[i] & b.v[i]; });
  }
  static HEARTH_ALWAYS_INLINE I either(I a, I b) {
    return ints([&](int i) { return a.v[i] | b.v[i]; });
  }
  template <int kBits>
  static HEARTH_ALWAYS_INLINE I shift(I v) {  // callers mask afterwards, so bits may cross from byte to byte
    if constexpr (kBits >= 0) return ints([&](int i) { return static_cast<uint32_t>(v.v[i]) << kBits; });
    else return ints([&](int i) { return static_cast<uint32_t>(v.v[i]) >> -kBits; });
  }
  static HEARTH_ALWAYS_INLINE I pairs(I low, I high) {
    return ints([&](int i) { return (low.v[i] & 0xFFFF) | static_cast<uint32_t>(high.v[i]) << 16; });
  }
  static HEARTH_ALWAYS_INLINE I look_up(I table, I index) {
    uint8_t entries[64];
    std::memcpy(entries, &table, 64);
    return bytes(index, index, [&](int, uint8_t at, uint8_t) { return entries[at & 15]; });
  }
  static HEARTH_ALWAYS_INLINE I dot7(I sum, I codes, I x) { return dot8(sum, codes, x); }
  static HEARTH_ALWAYS_INLINE I dot8(I sum, I codes, I x) {
    uint8_t u[64];
    int8_t s[64];
    std::memcpy(u, &codes, 64);
    std::memcpy(s, &x, 64);
    return ints([&](int i) {
      return sum.v[i] + u[4 * i] * s[4 * i] + u[4 * i + 1] * s[4 * i + 1] + u[4 * i + 2] * s[4 * i + 2] +
             u[4 * i + 3] * s[4 * i + 3];
    });
  }
  static HEARTH_ALWAYS_INLINE I dot_pairs(I sum, I a, I b) {
    int16_t p[32], q[32];
    std::memcpy(p, &a, 64);
    std::memcpy(q, &b, 64);
    return ints([&](int i) { return sum.v[i] + p[2 * i] * q[2 * i] + p[2 * i + 1] * q[2 * i + 1]; });
  }
  template <class Lane>
  static HEARTH_ALWAYS_INLINE I words(I a, I b, Lane lane) {  // 32 of 16 bits
    int16_t p[32], q[32];
    std::memcpy(p, &a, 64);
    std::memcpy(q, &b, 64);
    for (int i = 0; i < 32; ++i) p[i] = static_cast<int16_t>(lane(p[i], q[i]));
    return iload(p);
  }
  static HEARTH_ALWAYS_INLINE I sub8(I a, I b) {
    uint8_t p[64], q[64];
    std::memcpy(p, &a, 64);
    std::memcpy(q, &b, 64);
    for (int i = 0; i < 64; ++i) p[i] = static_cast<uint8_t>(p[i] - q[i]);
    return iload(p);
  }
  template <int kBits>
  static HEARTH_ALWAYS_INLINE I shift32(I v) {
    return ints([&](int i) { return static_cast<int32_t>(static_cast<uint32_t>(v.v[i]) << kBits); });
  }
  static HEARTH_ALWAYS_INLINE I sub16(I a, I b) {
    return words(a, b, [](int x, int y) { return x - y; });
  }
  static HEARTH_ALWAYS_INLINE I mul16(I a, I b) {
    return words(a, b, [](int x, int y) { return x * y; });
  }
  template <int kBits>
  static HEARTH_ALWAYS_INLINE I halved16(I v) {
    return words(v, v, [](int x, int) { return x >> kBits; });
  }
  static HEARTH_ALWAYS_INLINE F bf16_even(I v) {
    return floats([&](int i) { return __builtin_bit_cast(float, static_cast<uint32_t>(v.v[i]) << 16); });
  }
  static HEARTH_ALWAYS_INLINE F bf16_odd(I v) {
    return floats([&](int i) { return __builtin_bit_cast(float, static_cast<uint32_t>(v.v[i]) & 0xFFFF0000u); });
  }
  static HEARTH_ALWAYS_INLINE F round_bf16(F v) {
    return floats([&](int i) {
      const uint32_t half = v.v[i] == v.v[i] ? 0x8000 : 0;
      return __builtin_bit_cast(float, (__builtin_bit_cast(uint32_t, v.v[i]) + half) & 0xFFFF0000u);
    });
  }
  static HEARTH_ALWAYS_INLINE I bf16_pairs(F even, F odd) {
    return ints([&](int i) {
      return __builtin_bit_cast(uint32_t, even.v[i]) >> 16 | (__builtin_bit_cast(uint32_t, odd.v[i]) & 0xFFFF0000u);
    });
  }
  static HEARTH_ALWAYS_INLINE F to_float(I v) {
    return floats([&](int i) { return static_cast<float>(v.v[i]); });
  }
  static HEARTH_ALWAYS_INLINE I to_int(F v) {  // of rounded numbers; what int32 cannot hold becomes its least value
    return ints([&](int i) {
      const float x = (v.v[i] + 0x1.8p23f) - 0x1.8p23f;
      return x > -0x1p31f && x < 0x1p31f ? static_cast<int32_t>(x) : INT32_MIN;
    });
  }
  static HEARTH_ALWAYS_INLINE int32_t isum(I v) {
    int32_t total = 0;
    for (int32_t x : v.v) total += x;
    return total;
  }
};

}  // namespace hearth::ops::cpu::scalar
