// What 256-bit registers do at best: reading, and multiplication in f32 and in 8-bit integers.
#include <immintrin.h>

#include "base/cpu_info.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/cpu/machine_rate.h"

namespace hearth::ops::cpu {

namespace avx2 {

constexpr size_t kChains = 12;  // more than the latency of two units of any instruction below

static uint64_t read(const std::byte* from) {
  __m256i low = _mm256_setzero_si256(), high = low;
  for (size_t at = 0; at < kStreamBytes; at += 64)
    HEARTH_UNROLL for (size_t stream = 0; stream < kReadStreams; ++stream) {
      const auto* line = reinterpret_cast<const __m256i*>(from + stream * kStreamBytes + at);
      low = _mm256_or_si256(low, _mm256_load_si256(line));
      high = _mm256_or_si256(high, _mm256_load_si256(line + 1));
    }
  return static_cast<uint64_t>(_mm256_extract_epi64(_mm256_or_si256(low, high), 0));
}

static float multiply_f32(uint32_t rounds) {
  __m256 sums[kChains] = {};
  HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) asm volatile("" : "+x"(sums[i]));  // equal ones would be computed once
  __m256 x = _mm256_set1_ps(1e-6f);
  asm volatile("" : "+x"(x));
  for (uint32_t round = 0; round < rounds; ++round)
    HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) sums[i] = _mm256_fmadd_ps(x, x, sums[i]);
  float all = 0;
  for (const __m256 sum : sums) all += _mm256_cvtss_f32(sum);
  return all;
}

static float multiply_int8(uint32_t rounds) {
  __m256i sums[kChains] = {};
  HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) asm volatile("" : "+x"(sums[i]));  // equal ones would be computed once
  __m256i x = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  asm volatile("" : "+x"(x), "+x"(ones));
  for (uint32_t round = 0; round < rounds; ++round)
    HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) {
      __m256i pairs = _mm256_maddubs_epi16(x, x);
      asm volatile("" : "+x"(pairs));  // or it would be computed once
      sums[i] = _mm256_add_epi32(sums[i], _mm256_madd_epi16(pairs, ones));
    }
  int all = 0;
  for (const __m256i sum : sums) all += _mm256_cvtsi256_si32(sum);
  return static_cast<float>(all);
}

__attribute__((target("avxvnni"))) static float multiply_vnni(uint32_t rounds) {
  __m256i sums[kChains] = {};
  HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) asm volatile("" : "+x"(sums[i]));  // equal ones would be computed once
  __m256i x = _mm256_set1_epi8(1);
  asm volatile("" : "+x"(x));
  for (uint32_t round = 0; round < rounds; ++round)
    HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) sums[i] = _mm256_dpbusd_avx_epi32(sums[i], x, x);
  int all = 0;
  for (const __m256i sum : sums) all += _mm256_cvtsi256_si32(sum);
  return static_cast<float>(all);
}

}  // namespace avx2

extern const MatrixUnit kAvx2Units[3];
constinit const MatrixUnit kAvx2Units[3] = {
    {.name = "int8 avx_vnni", .needs = kCpuAvx2 | kCpuAvxVnni, .operations = 64 * avx2::kChains, .run = &avx2::multiply_vnni},
    {.name = "int8 avx2", .needs = kCpuAvx2, .operations = 64 * avx2::kChains, .run = &avx2::multiply_int8},
    {.name = "f32 avx2", .needs = kCpuAvx2, .operations = 16 * avx2::kChains, .run = &avx2::multiply_f32}};
extern const MemoryReader kAvx2Reader;
constinit const MemoryReader kAvx2Reader{.needs = kCpuAvx2, .read = &avx2::read};

}  // namespace hearth::ops::cpu
