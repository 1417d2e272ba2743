#pragma once
// Least squares for encoders: which scales and codes bring a block closest to its weights, in the sum of
// importance * squared error. Scales are searched over candidates, refined by weighted regression, rounded to what the
// block can store, and only then the codes are rounded, each to its nearest.
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "tensor/half.h"

namespace hearth::quant {

// The weights of one block, or of one group of it. The encoder's caller sees to it that values are finite and below 1e9
// in magnitude, that importance is in [1e-6, 1], and that the count is a multiple of 16, at most 256.
struct Samples {
  std::span<const float> values;
  std::span<const float> importance;  // as many

  size_t size() const { return values.size(); }
  Samples part(size_t index, size_t count) const {
    return {values.subspan(index * count, count), importance.subspan(index * count, count)};
  }
};

// Candidates for a scale: those that bring the largest magnitude to `steps` evenly spaced places from first to last.
struct Sweep {
  float first, last;
  int steps;
  float at(int step) const { return first + (last - first) * static_cast<float>(step) / static_cast<float>(steps - 1); }
};

// All integers from lo to hi; 0 is one of them, the magnitudes are at most 128.
struct Range {
  int lo, hi;

  constexpr int largest() const { return std::max(-lo, hi); }
  constexpr bool even() const { return -lo == hi; }
  Sweep sweep() const;
  // The nearest of them, as a float. Adding 1.5 * 2^23 rounds to an integer; a NaN becomes lo.
  float nearest(float v) const {
    const float bounded = std::min(static_cast<float>(hi), std::max(static_cast<float>(lo), v));
    return (bounded + 12582912.0f) - 12582912.0f;
  }
};

// Sixteen integers in any order.
class Table {
 public:
  explicit constexpr Table(const std::array<int8_t, 16>& values) {
    for (int twice = -256; twice < 256; ++twice) {
      int best = values[0];
      for (const int value : values)
        if (distance(twice, value) < distance(twice, best)) best = value;
      nearest_[static_cast<size_t>(twice + 256)] = static_cast<int8_t>(best);
    }
    const auto [least, most] = std::ranges::minmax(values);
    largest_ = std::max(-least, +most);
    even_ = -least == most;
  }

  constexpr int largest() const { return largest_; }
  constexpr bool even() const { return even_; }
  Sweep sweep() const;
  float nearest(float v) const {
    const float place = 2 * std::min(127.75f, std::max(-128.0f, v)) + 256;
    return nearest_[static_cast<size_t>(place)];
  }

 private:
  // From the middle of [twice / 2, twice / 2 + 1/2), in quarters: borders lie on multiples of 1/2, so there are no
  // ties.
  static constexpr int distance(int twice, int value) {
    const int d = 2 * twice + 1 - 4 * value;
    return d < 0 ? -d : d;
  }
  std::array<int8_t, 512> nearest_{};  // at 2 v + 256, rounded down
  int largest_ = 0;
  bool even_ = false;
};

Fp16 to_fp16(double v);  // saturates at the largest finite one; NaN becomes 0

// value = scale * code. Writes the codes.
Fp16 fit_scale(const Samples& x, Range range, std::span<int8_t> codes);
Fp16 fit_scale(const Samples& x, const Table& table, std::span<int8_t> codes);

// value = scale * code - min, codes 0..max_code.
struct Line {
  Fp16 scale, min;
};
Line fit_line(const Samples& x, int max_code, std::span<int8_t> codes);

// value = (scale * sub_scale[group]) * code, groups of equal size.
struct SubScales {
  Fp16 scale{};
  std::array<int8_t, 16> sub_scale{};
};
SubScales fit_sub_scales(const Samples& x, size_t groups, Range range, Range sub_range, std::span<int8_t> codes);
SubScales fit_sub_scales(const Samples& x, size_t groups, const Table& table, Range sub_range, std::span<int8_t> codes);

// value = (scale * sub_scale[group]) * code - min * sub_min[group], codes 0..max_code, subs 0..max_sub.
struct SubLines {
  Fp16 scale{}, min{};
  std::array<uint8_t, 16> sub_scale{}, sub_min{};
};
SubLines fit_sub_lines(const Samples& x, size_t groups, int max_code, int max_sub, std::span<int8_t> codes);

// For a given scale: the nearest codes, and the sum of importance * squared error.
double round_to(const Table& table, float scale, const Samples& x, std::span<int8_t> codes);

}  // namespace hearth::quant
