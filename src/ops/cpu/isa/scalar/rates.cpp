// What the baseline does at best: reading, and float multiplication, four at a time.
#include "ops/cpu/machine_rate.h"
#include "ops/cpu/kernels/attributes.h"

namespace hearth::ops::cpu {

namespace scalar {

static uint64_t read(const std::byte* from) {
  uint64_t sums[8] = {};
  for (size_t at = 0; at < kStreamBytes; at += 64)
    for (size_t stream = 0; stream < kReadStreams; ++stream) {
      const auto* words = reinterpret_cast<const uint64_t*>(from + stream * kStreamBytes + at);
      HEARTH_UNROLL for (size_t i = 0; i < 8; ++i) sums[i] |= words[i];
    }
  uint64_t all = 0;
  for (const uint64_t sum : sums) all |= sum;
  return all;
}

constexpr size_t kChains = 12;

static float multiply_f32(uint32_t rounds) {
  typedef float Four __attribute__((vector_size(16)));
  volatile float factor = 1e-6f;
  const float f = factor;
  const Four x = {f, f, f, f};
  Four sums[kChains] = {};
  HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) asm volatile("" : "+m"(sums[i]));  // equal ones would be computed once
  for (uint32_t round = 0; round < rounds; ++round)
    HEARTH_UNROLL for (size_t i = 0; i < kChains; ++i) sums[i] = sums[i] * x + x;
  float all = 0;
  for (const Four& sum : sums) all += sum[0];
  return all;
}

}  // namespace scalar

extern const MatrixUnit kScalarUnits[1];
constinit const MatrixUnit kScalarUnits[1] = {{.name = "f32 baseline", .needs = 0, .operations = 8 * scalar::kChains, .run = &scalar::multiply_f32}};
extern const MemoryReader kScalarReader;
constinit const MemoryReader kScalarReader{.needs = 0, .read = &scalar::read};

}  // namespace hearth::ops::cpu
