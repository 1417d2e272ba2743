// Operations that see one row at a time: norms, rotations, activations and sums.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"
#include "ops/reference/operations.h"

namespace hearth::ops::reference {

static void norm_group(const float* x, float* out, uint32_t n, const NormOptions& options) {
  double mean = 0, square = 0;
  if (options.kind == NormKind::kLayer) {
    for (uint32_t i = 0; i < n; ++i) mean += x[i];
    mean /= n;
  }
  for (uint32_t i = 0; i < n; ++i) square += (x[i] - mean) * (x[i] - mean);
  const double inverse = 1 / std::sqrt(square / n + options.eps);
  for (uint32_t i = 0; i < n; ++i) {
    const double weight = options.weight != nullptr ? options.weight[i] : 1;
    const double bias = options.kind == NormKind::kLayer && options.bias != nullptr ? options.bias[i] : 0;
    const double y = (x[i] - mean) * inverse * weight + bias;
    out[i] = static_cast<float>(options.accumulate ? out[i] + y : y);
  }
}

void norm(ConstMatrix x, Matrix out, const NormOptions& options) {
  HEARTH_CHECK(x.columns % options.groups == 0, "norm groups divide the row");
  const uint32_t n = x.columns / options.groups;
  for (uint32_t r = 0; r < x.rows; ++r)
    for (uint32_t g = 0; g < options.groups; ++g) norm_group(x.row(r) + g * n, out.row(r) + g * n, n, options);
}

void rope(Matrix x, ConstMatrix angles, const RopeOptions& options) {
  const uint32_t half = options.dims / 2;
  for (uint32_t r = 0; r < x.rows; ++r)
    for (uint32_t h = 0; h < options.heads; ++h)
      for (uint32_t i = 0; i < half; ++i) {
        float* head = x.row(r) + size_t{h} * options.head_dim;
        float& first = options.interleaved ? head[2 * i] : head[i];
        float& second = options.interleaved ? head[2 * i + 1] : head[i + half];
        const double a = first, b = second, cos = angles.row(r)[i], sin = angles.row(r)[half + i];
        first = static_cast<float>(a * cos - b * sin);
        second = static_cast<float>(a * sin + b * cos);
      }
}

float activate(float value, Activation activation) {
  const double x = value;
  const auto exact = [&] {
    switch (activation) {
      case Activation::kSilu: return x / (1 + std::exp(-x));
      case Activation::kGeluTanh:
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
      case Activation::kGelu: return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);  // erfc: exact in the left tail too
      case Activation::kRelu: return std::max(x, 0.0);
      case Activation::kRelu2: return std::max(x, 0.0) * std::max(x, 0.0);
    }
    HEARTH_CHECK(false, "a known activation");
  };
  return static_cast<float>(exact());
}

void scale(Matrix x, float factor) {
  for (uint32_t r = 0; r < x.rows; ++r)
    for (uint32_t i = 0; i < x.columns; ++i) x.row(r)[i] *= factor;
}

void softcap(Matrix x, float cap) {
  for (uint32_t r = 0; r < x.rows; ++r)
    for (uint32_t i = 0; i < x.columns; ++i)
      x.row(r)[i] = static_cast<float>(cap * std::tanh(double{x.row(r)[i]} / cap));
}

void gather_rows(ConstMatrix x, std::span<const uint32_t> rows, Matrix out) {
  for (size_t r = 0; r < rows.size(); ++r) std::copy_n(x.row(rows[r]), x.columns, out.row(r));
}

static SoftmaxSums sums_of(std::span<const float> x) {
  const bool finite = std::ranges::all_of(x, [](float v) { return std::isfinite(v); });
  SoftmaxSums sums{.largest = std::ranges::max(x), .sum = finite ? 0 : NAN};
  for (const float v : x) sums.sum += std::exp(double{v} - sums.largest);
  return sums;
}

void softmax_sums(ConstMatrix logits, std::span<const uint32_t> rows, std::span<SoftmaxSums> sums) {
  for (size_t i = 0; i < rows.size(); ++i) sums[i] = sums_of({logits.row(rows[i]), logits.columns});
}

}  // namespace hearth::ops::reference
