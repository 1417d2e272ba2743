#include "engine/sampling/distribution.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/check.h"
#include "tensor/half.h"

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors wider than the machine's are passed to inlined functions only

namespace hearth::engine {
namespace {

// The compiler splits these vectors into what the machine has. Eight lanes, not four: otherwise it broadcasts every constant
// again for every four values, and exponentials take a third longer.
constexpr size_t kLanes = 8;
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));

HEARTH_ALWAYS_INLINE Floats load(const float* from) {
  Floats v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}

// exp(x) = 2^n * exp(r) with n = round(x / ln 2), |r| <= ln(2) / 2, and exp(r) by its series. Below -87 the result is masked
// out by the sign of x + 87 (comparing such vectors would be done lane by lane).
HEARTH_ALWAYS_INLINE Floats exponential(const Floats& x) {
  constexpr float kRounder = 12582912;  // 1.5 * 2^23: adding it rounds to an integer, kept in the low bits
  const Floats shifted = x * 1.44269504088896341f + kRounder;
  const Floats n = shifted - kRounder;
  const Floats r = (x - n * 0.693145751953125f) - n * 1.42860682030941723e-6f;
  Floats series = r * (1.0f / 720) + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  series = series * r + 1.0f;
  series = series * r + 1.0f;
  const Bits is_too_low = reinterpret_cast<Bits>(reinterpret_cast<Ints>(x + 87.0f) >> 31);
  return reinterpret_cast<Floats>((reinterpret_cast<Bits>(series) + (reinterpret_cast<Bits>(shifted) << 23)) & ~is_too_low);
}

HEARTH_ALWAYS_INLINE double total(const Floats& v) {
  double sum = 0;
  for (size_t lane = 0; lane < kLanes; ++lane) sum += double{v[lane]};
  return sum;
}

// Exponentials of a run of logits, a multiple of kLanes of them, summed in f32 lanes.
template <bool kStores>
double sum_run(const float* logits, size_t count, float shift, float* out) {
  Floats sum{};
  for (size_t i = 0; i < count; i += kLanes) {
    const Floats e = exponential(load(logits + i) - shift);
    sum += e;
    if constexpr (kStores) std::memcpy(out + i, &e, sizeof(e));
  }
  return total(sum);
}

}  // namespace

double sum_of_exponentials(std::span<const float> logits, float shift, float* out) {
  constexpr size_t kRun = 1024;  // between the runs, sums are in double
  const size_t whole = logits.size() / kLanes * kLanes;
  double sum = 0;
  for (size_t i = 0; i < whole; i += kRun) {
    const size_t count = std::min(kRun, whole - i);
    sum += out != nullptr ? sum_run<true>(&logits[i], count, shift, out + i) : sum_run<false>(&logits[i], count, shift, nullptr);
  }
  for (size_t i = whole; i < logits.size(); ++i) {
    const float e = exponential(Floats{} + (logits[i] - shift))[0];
    if (out != nullptr) out[i] = e;
    sum += e;
  }
  return sum;
}

float max_of(std::span<const float> logits) {
  constexpr size_t kStreams = 8;  // the maxima of every eighth logit, so that comparisons need not wait for each other
  float best[kStreams];
  std::fill_n(best, kStreams, logits[0]);
  size_t i = 0;
  for (; i + kStreams <= logits.size(); i += kStreams)
    for (size_t k = 0; k < kStreams; ++k) best[k] = logits[i + k] > best[k] ? logits[i + k] : best[k];
  for (; i < logits.size(); ++i) best[0] = std::max(best[0], logits[i]);
  return *std::max_element(best, best + kStreams);
}

Result<Distribution> Distribution::of(std::span<const float> logits, const ops::SoftmaxSums& sums) {
  if (!std::isnan(sums.sum)) return Distribution{.max = sums.largest, .mass = sums.sum};
  const auto bad = std::ranges::find_if(logits, [](float x) { return !std::isfinite(x); });
  HEARTH_CHECK(bad != logits.end(), "one of these logits is no number");
  return fail(ErrorCode::kInternal, "the model computed {} as logit of token {}: its weights or this computation are broken", *bad,
              bad - logits.begin());
}

Distribution Distribution::measure(std::span<const float> logits) {
  const float max = max_of(logits);
  return {.max = max, .mass = max == -INFINITY ? 0 : sum_of_exponentials(logits, max, nullptr)};
}

}  // namespace hearth::engine
