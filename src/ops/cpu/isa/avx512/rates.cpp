// What 512-bit registers do at best: reading, and multiplication in f32, bf16 and 8-bit integers.
#include <immintrin.h>

#include "base/cpu_info.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/cpu/machine_rate.h"

namespace hearth::ops::cpu {

namespace avx512 {

constexpr size_t kChains = 16;  // more than the latency of two units of any instruction below

static uint64_t read(const std::byte* from) {
  __m512i even = _mm512_setzero_si512(), odd = even;
  for (size_t at = 0; at < kStreamBytes; at += 64)
    HEARTH_UNROLL for (size_t stream = 0; stream < kReadStreams; stream += 2) {
      even = _mm512_or_si512(even, _mm512_load_si512(from + stream * kStreamBytes + at));
      odd = _mm512_or_si512(odd, _mm512_load_si512(from + (stream + 1) * kStreamBytes + at));
    }
  return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm512_castsi512_si128(_mm512_or_si512(even, odd))));
}

static float multiply_f32(uint32_t rounds) {
  __m512 sums[kChains] = {};
  HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) asm volatile("" : "+v"(sums[i]));  // equal ones would be computed once
  __m512 x = _mm512_set1_ps(1e-6f);
  asm volatile("" : "+v"(x));
  for (uint32_t round = 0; round < rounds; ++round)
    HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) sums[i] = _mm512_fmadd_ps(x, x, sums[i]);
  float all = 0;
  for (const __m512 sum : sums) all += _mm512_cvtss_f32(sum);
  return all;
}

__attribute__((target("avx512bf16"))) static float multiply_bf16(uint32_t rounds) {
  __m512 sums[kChains] = {};
  HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) asm volatile("" : "+v"(sums[i]));  // equal ones would be computed once
  __m512i x = _mm512_set1_epi16(0x3580);  // about 1e-6
  asm volatile("" : "+v"(x));
  for (uint32_t round = 0; round < rounds; ++round)
    HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i)
        sums[i] = _mm512_dpbf16_ps(sums[i], reinterpret_cast<__m512bh>(x), reinterpret_cast<__m512bh>(x));
  float all = 0;
  for (const __m512 sum : sums) all += _mm512_cvtss_f32(sum);
  return all;
}

static float multiply_int8(uint32_t rounds) {
  __m512i sums[kChains] = {};
  HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) asm volatile("" : "+v"(sums[i]));  // equal ones would be computed once
  __m512i x = _mm512_set1_epi8(1);
  asm volatile("" : "+v"(x));
  for (uint32_t round = 0; round < rounds; ++round)
    HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], x, x);
  int all = 0;
  for (const __m512i sum : sums) all += _mm512_cvtsi512_si32(sum);
  return static_cast<float>(all);
}

}  // namespace avx512

extern const MatrixUnit kAvx512Units[3];
constinit const MatrixUnit kAvx512Units[3] = {
    {.name = "int8 avx512_vnni", .needs = kCpuAvx512 | kCpuAvx512Vnni, .operations = 128 * avx512::kChains, .run = &avx512::multiply_int8},
    {.name = "bf16 avx512", .needs = kCpuAvx512 | kCpuAvx512Bf16, .operations = 64 * avx512::kChains, .run = &avx512::multiply_bf16},
    {.name = "f32 avx512", .needs = kCpuAvx512, .operations = 32 * avx512::kChains, .run = &avx512::multiply_f32}};
extern const MemoryReader kAvx512Reader;
constinit const MemoryReader kAvx512Reader{.needs = kCpuAvx512, .read = &avx512::read};

}  // namespace hearth::ops::cpu
