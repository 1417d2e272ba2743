// The encoders against a search that tries nearly everything, on rows of many kinds.
#include "quant/fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "base/random.h"
#include "quant/codecs.h"

namespace hearth::quant {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

double normal(Random& random) {
  return std::sqrt(-2 * std::log(1 - random.uniform())) * std::cos(2 * std::numbers::pi * random.uniform());
}

struct RowKind {
  std::string_view name;
  std::function<double(Random&, size_t)> weight;  // at a place
  bool hard = false;  // what a block can store of scales matters more than how weights are rounded to codes
};

const RowKind kRowKinds[] = {
    {"gaussian", [](Random& r, size_t) { return 0.02 * normal(r); }},
    {"laplace", [](Random& r, size_t) { return 0.02 * std::log(1 - r.uniform()) * (r.below(2) ? 1 : -1); }},
    {"student t3",
     [](Random& r, size_t) {
       const double a = normal(r), b = normal(r), c = normal(r);
       return 0.02 * normal(r) / std::sqrt((a * a + b * b + c * c) / 3);
     }},
    {"outliers", [](Random& r, size_t) { return 0.02 * normal(r) * (r.below(64) ? 1 : 30); }},
    {"one outlier", [](Random& r, size_t i) { return i % 256 ? 0.02 * normal(r) : 2.0; }, true},
    {"offset", [](Random& r, size_t) { return 0.2 + 0.02 * normal(r); }},
    {"large offset", [](Random& r, size_t) { return -2 + 0.02 * normal(r); }, true},
    {"sparse", [](Random& r, size_t) { return r.below(10) ? 0 : 0.02 * normal(r); }, true},
    {"constant", [](Random&, size_t) { return 0.0237; }},
    {"tiny", [](Random& r, size_t) { return 1e-6 * normal(r); }, true},
    {"huge", [](Random& r, size_t) { return 1e4 * normal(r); }},
    {"alternating", [](Random& r, size_t i) { return (i % 2 ? 0.02 : -0.02) * (1 + 0.1 * normal(r)); }},
    {"positive", [](Random& r, size_t) { return 0.02 * std::fabs(normal(r)); }},
    {"uneven", [](Random& r, size_t i) { return 0.02 * normal(r) * std::exp2(static_cast<double>(i / 16 * 5 % 16) / 4); }},
};

std::vector<float> row(const RowKind& kind, size_t count) {
  Random random(21);
  std::vector<float> weights(count);
  for (size_t i = 0; i < count; ++i) weights[i] = static_cast<float>(kind.weight(random, i));
  return weights;
}

// What a format can say: weight = (scale * sub_scale) * code with an f16 scale.
struct Scope {
  std::string_view format;
  size_t block;
  std::vector<int> codes;
  double bound, hard_bound;  // of the encoder's error over that of the search; the second on hard rows
  size_t groups = 1;
  Range sub_scale = {1, 1};
};

std::vector<int> all(int lo, int hi) {
  std::vector<int> integers;
  for (int i = lo; i <= hi; ++i) integers.push_back(i);
  return integers;
}

double nearest(const std::vector<int>& codes, double place) {
  if (codes.back() - codes.front() + 1 == std::ssize(codes)) return std::clamp<double>(std::nearbyint(place), codes.front(), codes.back());
  return *std::ranges::min_element(codes, {}, [&](int code) { return std::fabs(code - place); });
}

double error_of(const std::vector<int>& codes, std::span<const float> x, double scale, double limit) {
  double error = 0;
  for (size_t i = 0; i < x.size() && error < limit; ++i) {
    const double off = scale == 0 ? x[i] : scale * nearest(codes, x[i] / scale) - x[i];
    error += off * off;
  }
  return error;
}

// The least error over all f16 scales that may be worth it or, where groups have multiples of them, over some hundred scales
// and all multiples.
double search(const Scope& scope, std::span<const float> x) {
  const auto [low, high] = std::ranges::minmax(x);
  const int most = std::max(-scope.codes.front(), scope.codes.back());
  const double unit = std::max(-low, high) / (most * std::max(-scope.sub_scale.lo, scope.sub_scale.hi));
  const int first = to_fp16(unit * (most > 8 ? 0.9 : 0.2)).bits, last = to_fp16(unit * (most > 8 ? 1.7 : 2.5)).bits;
  const int step = scope.groups == 1 ? 1 : std::max(1, (last - first) / 50);
  double least = kNever;
  for (int bits = first; bits <= last; bits += step)
    for (const double sign : {1.0, -1.0}) {
      const double scale = sign * Fp16{static_cast<uint16_t>(bits)};
      const size_t size = x.size() / scope.groups;
      double error = 0;
      for (size_t g = 0; g < scope.groups && error < least; ++g) {
        double group_least = kNever;
        for (int sub = scope.sub_scale.lo; sub <= scope.sub_scale.hi; ++sub)
          group_least = std::min(group_least, error_of(scope.codes, x.subspan(g * size, size), scale * sub, group_least));
        error += group_least;
      }
      least = std::min(least, error);
    }
  return least;
}

// The error of the best line that value = scale * code - min can follow when neither is rounded, codes 0..most.
double search_line(std::span<const float> x, int most) {
  const auto [low, high] = std::ranges::minmax(x);
  if (low == high) return 0;
  double least = kNever;
  for (int i = 0; i < 100; ++i)
    for (int j = 0; j < 50; ++j) {
      const double scale = (high - low) / (most * (0.6 + 0.005 * i)), first = (0.1 * j - 2.5) * scale - low;
      double c = 0, cc = 0, v = 0, vv = 0, vc = 0, n = static_cast<double>(x.size());  // values count from the lowest
      for (const float weight : x) {
        const double code = std::clamp<double>(std::nearbyint((weight + first) / scale), 0, most), value = double{weight} - low;
        c += code, cc += code * code, v += value, vv += value * value, vc += value * code;
      }
      const double slope = n * cc > c * c ? (n * vc - v * c) / (n * cc - c * c) : 0, offset = (v - slope * c) / n;
      least = std::min(least, vv - slope * vc - offset * v);
    }
  return std::max(0.0, least);
}

double encoder_error(const Format& format, std::span<const float> x) {
  std::vector<std::byte> blocks(format.row_bytes(x.size()));
  std::vector<float> decoded(x.size());
  format.encode(x, {}, blocks.data());
  format.decode(blocks.data(), x.size() / format.block_values, decoded.data());
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i) error += (double{decoded[i]} - x[i]) * (double{decoded[i]} - x[i]);
  return error;
}

// What rounding of an f16 scale alone may cost.
double rounding(std::span<const float> x) {
  const auto [low, high] = std::ranges::minmax(x);
  const double off = std::max(-low, high) * 0x1p-12;
  return off * off * static_cast<double>(x.size());
}

}  // namespace

TEST(Fit, ComesCloseToAnExhaustiveSearch) {
  const std::vector<int> levels(IQ4_NL::kTable.begin(), IQ4_NL::kTable.end());
  const Scope kScopes[] = {
      {"q8_0", 32, all(-127, 127), 1.2, 2.5},
      {"q4_0", 32, all(-8, 7), 1.01, 1.1},
      {"q5_0", 32, all(-16, 15), 1.01, 1.25},
      {"q1_0", 128, {-1, 1}, 1.01, 1.01},
      {"q2_0", 64, all(-1, 2), 1.01, 1.01},
      {"tq1_0", 256, all(-1, 1), 1.01, 1.01},
      {"tq2_0", 256, all(-1, 1), 1.01, 1.01},
      {"iq4_nl", 32, levels, 1.02, 1.02},
      {"q3_k", 256, all(-4, 3), 1.01, 1.02, 16, {-32, 31}},
      {"q6_k", 256, all(-32, 31), 1.03, 1.8, 16, {-128, 127}},
      {"iq4_xs", 256, levels, 1.03, 1.03, 8, {-32, 31}},
  };
  for (const Scope& scope : kScopes)
    for (const RowKind& kind : kRowKinds) {
      const std::vector<float> x = row(kind, 256);
      double least = 0;
      for (size_t i = 0; i < x.size(); i += scope.block) least += search(scope, std::span(x).subspan(i, scope.block));
      const double bound = kind.hard ? scope.hard_bound : scope.bound;
      EXPECT_LE(encoder_error(*find_format(scope.format), x), bound * least + rounding(x)) << scope.format << ", " << kind.name;
    }
}

TEST(Fit, ComesCloseToLinesThatAreNotRounded) {
  const struct {
    std::string_view format;
    size_t group;
    int codes;
    double bound, hard_bound;
  } kScopes[] = {
      {"q4_1", 32, 15, 1.05, 1.5}, {"q5_1", 32, 31, 1.05, 2}, {"q2_k", 16, 3, 1.2, 4.3}, {"q4_k", 32, 15, 1.1, 2.8}, {"q5_k", 32, 31, 1.12, 2}};
  for (const auto& [name, group, codes, bound, hard_bound] : kScopes)
    for (const RowKind& kind : kRowKinds) {
      const std::vector<float> x = row(kind, 256);
      double least = 0;
      for (size_t i = 0; i < x.size(); i += group) least += search_line(std::span(x).subspan(i, group), codes);
      EXPECT_LE(encoder_error(*find_format(name), x), (kind.hard ? hard_bound : bound) * least + rounding(x)) << name << ", " << kind.name;
    }
}

}  // namespace hearth::quant
