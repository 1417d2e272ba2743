#include "engine/sampling/distribution.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace hearth::engine {
namespace {

// Four lanes: every machine we run on has them, and the compiler's vector types need no intrinsics.
constexpr size_t kLanes = 4;
typedef float Floats __attribute__((vector_size(16)));
typedef int32_t Ints __attribute__((vector_size(16)));

Floats load(const float* from) {
  Floats v;
  std::memcpy(&v, from, sizeof(v));
  return v;
}

// exp(x) = 2^n * exp(r) with n = round(x / ln 2), |r| <= ln(2) / 2, and exp(r) by its series.
Floats exponential(Floats x) {
  const Ints is_representable = x > -87.0f;
  x = is_representable ? x : Floats{};
  const Floats kRounder = Floats{} + 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, kept in the low bits
  const Floats shifted = x * 1.44269504088896341f + kRounder;
  const Floats n = shifted - kRounder;
  const Floats r = (x - n * 0.693145751953125f) - n * 1.42860682030941723e-6f;
  Floats sum = 1.0f / 720 + Floats{};
  for (const float factor : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f}) sum = sum * r + factor;
  Ints bits, exponent;
  std::memcpy(&bits, &sum, sizeof(bits));
  std::memcpy(&exponent, &shifted, sizeof(exponent));
  bits = (bits + (exponent << 23)) & is_representable;
  std::memcpy(&sum, &bits, sizeof(sum));
  return sum;
}

// One vector's worth of logits; the last may be short, and is filled with what adds nothing.
Floats load_shifted(std::span<const float> logits, size_t i, float shift) {
  if (i + kLanes <= logits.size()) return load(&logits[i]) - shift;
  Floats v = Floats{} - 1000.0f;
  for (size_t lane = 0; i + lane < logits.size(); ++lane) v[lane] = logits[i + lane] - shift;
  return v;
}

double total(Floats v) { return (double{v[0]} + double{v[1]}) + (double{v[2]} + double{v[3]}); }

}  // namespace

double sum_of_exponentials(std::span<const float> logits, float shift, float* out) {
  constexpr size_t kBlock = 512;  // summed in f32 lanes, then in double
  double sum = 0;
  for (size_t block = 0; block < logits.size(); block += kBlock) {
    const size_t end = std::min(block + kBlock, logits.size());
    Floats lanes{};
    for (size_t i = block; i < end; i += kLanes) {
      const Floats e = exponential(load_shifted(logits, i, shift));
      lanes += e;
      if (out != nullptr) std::memcpy(out + i, &e, std::min(kLanes, end - i) * sizeof(float));
    }
    sum += total(lanes);
  }
  return sum;
}

float max_of(std::span<const float> logits) {
  Floats best = Floats{} + logits[0];
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    const Floats v = load(&logits[i]);
    best = v > best ? v : best;
  }
  float max = std::max(std::max(best[0], best[1]), std::max(best[2], best[3]));
  for (; i < logits.size(); ++i) max = std::max(max, logits[i]);
  return max;
}

Result<Distribution> Distribution::of(std::span<const float> logits) {
  Floats products{};  // x * 0 is 0, or NaN where x is infinite or NaN: one of them spoils the sum
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) products += load(&logits[i]) * 0.0f;
  float check = products[0] + products[1] + products[2] + products[3];
  for (; i < logits.size(); ++i) check += logits[i] * 0.0f;
  if (check != 0) {
    const auto bad = std::ranges::find_if(logits, [](float x) { return !std::isfinite(x); });
    return fail(ErrorCode::kInternal, "the model computed {} as logit of token {}: its weights or this computation are broken", *bad,
                bad - logits.begin());
  }
  const float max = max_of(logits);
  return Distribution{.max = max, .log_sum = max + std::log(sum_of_exponentials(logits, max, nullptr))};
}

}  // namespace hearth::engine
