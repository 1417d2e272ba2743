// Least squares for encoders.
#include "quant/fit.h"

#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace hearth::quant {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr size_t kLanes = 4;  // partial sums, so that loops run in vector registers; sizes are multiples of it
constexpr size_t kMaxGroups = 16;

struct Lanes {
  float part[kLanes] = {};
  double sum() const { return (part[0] + part[1]) + (part[2] + part[3]); }
};

float largest_magnitude(const Samples& x) {
  float largest = 0;
  for (const float v : x.values) largest = std::max(largest, std::fabs(v));
  return largest;
}

float inverse_of(float scale) { return scale == 0 ? 0 : 1 / scale; }

template <class CodeSet>
void round_all(const CodeSet& set, const Samples& x, float inverse, float offset, std::span<int8_t> codes) {
  for (size_t i = 0; i < x.size(); ++i) codes[i] = static_cast<int8_t>(set.nearest(x.values[i] * inverse + offset));
}

// ---- One scale ----

// The sums over a group that decide its scale when the codes are those nearest to x * inverse.
struct ScaleSums {
  double xc = 0, cc = 0;  // of importance * value * code and importance * code^2

  double scale() const { return cc > 0 ? xc / cc : 0; }
  double gain() const { return cc > 0 ? xc * xc / cc : 0; }                    // error of scale 0, less that of scale()
  double excess(double scale) const { return scale * (scale * cc - 2 * xc); }  // error of `scale`, less that of scale 0
};

template <class CodeSet>
ScaleSums scale_sums(const CodeSet& set, const Samples& x, float inverse) {
  Lanes xc, cc;
  for (size_t i = 0; i < x.size(); i += kLanes)
    for (size_t l = 0; l < kLanes; ++l) {
      const float code = set.nearest(x.values[i + l] * inverse);
      const float weighted = x.importance[i + l] * code;
      xc.part[l] += weighted * x.values[i + l];
      cc.part[l] += weighted * code;
    }
  return {xc.sum(), cc.sum()};
}

// The scale of least error, were it stored exactly, and its sums.
struct FreeScale {
  float scale = 0;
  ScaleSums sums;
};

template <class CodeSet>
FreeScale search_scale(const CodeSet& set, const Samples& x) {
  FreeScale best;
  const auto consider = [&](float inverse) {
    const ScaleSums sums = scale_sums(set, x, inverse);
    if (!(sums.gain() > best.sums.gain())) return false;
    best = {static_cast<float>(sums.scale()), sums};
    return true;
  };
  const float largest = largest_magnitude(x);
  if (largest == 0) return best;
  const Sweep sweep = set.sweep();
  for (int step = 0; step < sweep.steps; ++step) {
    consider(sweep.at(step) / largest);
    if (!set.even()) consider(-sweep.at(step) / largest);
  }
  for (int round = 0; round < 4 && consider(inverse_of(best.scale)); ++round) {
  }
  return best;
}

template <class CodeSet>
Fp16 fit_scale_to(const CodeSet& set, const Samples& x, std::span<int8_t> codes) {
  const Fp16 scale = to_fp16(search_scale(set, x).scale);
  round_all(set, x, inverse_of(scale), 0, codes);
  return scale;
}

// ---- A scale per group, each a small multiple of one float ----

// The float of which the groups' free scales are best approximated by multiples in `subs`.
double common_unit(std::span<const FreeScale> free, Range subs) {
  double extreme = 0;
  for (const FreeScale& f : free)
    if (std::fabs(f.scale) > std::fabs(extreme)) extreme = f.scale;
  double best = 0, least = kNever;
  for (int multiple = subs.lo; multiple <= subs.hi; ++multiple) {
    if (2 * std::abs(multiple) < subs.largest()) continue;
    const double unit = extreme / multiple;
    double error = 0;
    for (const FreeScale& f : free) {
      const double off = f.scale - unit * subs.nearest(static_cast<float>(f.scale / unit));
      error += off * off * f.sums.cc;
    }
    if (error < least) least = error, best = unit;
  }
  return extreme == 0 ? 0 : best;
}

template <class CodeSet>
SubScales fit_sub_scales_to(const CodeSet& set, const Samples& x, size_t groups, Range subs, std::span<int8_t> codes) {
  const size_t group_size = x.size() / groups;
  std::array<FreeScale, kMaxGroups> free;
  for (size_t g = 0; g < groups; ++g) free[g] = search_scale(set, x.part(g, group_size));

  SubScales best;
  double unit = common_unit(std::span(free).first(groups), subs), least = kNever;
  for (int round = 0; round < 3; ++round) {
    SubScales now{.scale = to_fp16(unit)};
    const float scale = now.scale;
    double error = 0, above = 0, below = 0;  // the next unit is above / below, by regression over all groups
    for (size_t g = 0; g < groups; ++g) {
      const int nearest = static_cast<int>(subs.nearest(free[g].scale * inverse_of(scale)));
      double group_least = kNever;
      ScaleSums group_sums;
      for (int sub = std::max(subs.lo, nearest - 1); sub <= std::min(subs.hi, nearest + 1); ++sub) {
        const float product = scale * static_cast<float>(sub);
        const ScaleSums sums = scale_sums(set, x.part(g, group_size), inverse_of(product));
        if (const double excess = sums.excess(product); excess < group_least)
          group_least = excess, group_sums = sums, now.sub_scale[g] = static_cast<int8_t>(sub);
      }
      error += group_least;
      const double sub = now.sub_scale[g];
      above += sub * group_sums.xc;
      below += sub * sub * group_sums.cc;
    }
    if (!(error < least)) break;
    least = error;
    best = now;
    unit = below > 0 ? above / below : 0;
  }
  for (size_t g = 0; g < groups; ++g)
    round_all(set, x.part(g, group_size), inverse_of(best.scale * static_cast<float>(best.sub_scale[g])), 0,
              codes.subspan(g * group_size, group_size));
  return best;
}

// ---- A scale and a minimum ----

// The sums over a group that decide its line when the codes are those nearest to x * inverse + offset.
struct LineSums {
  double w = 0, x = 0, xx = 0, c = 0, cc = 0, xc = 0;

  double error(double scale, double min) const {
    return xx + scale * (scale * cc - 2 * xc - 2 * min * c) + min * (min * w + 2 * x);
  }
};

// Codes 0..max; the minimum is >= 0 where a block has no sign for it.
struct LineSet {
  Range codes;
  bool unsigned_min;
};

struct FreeLine {
  double scale = 0, min = 0, error = kNever;
  LineSums sums;
};

// The sums that do not depend on codes.
LineSums value_sums(const Samples& s) {
  LineSums sums;
  for (size_t i = 0; i < s.size(); ++i) {
    const double weight = s.importance[i], value = s.values[i];
    sums.w += weight;
    sums.x += weight * value;
    sums.xx += weight * value * value;
  }
  return sums;
}

LineSums line_sums(Range codes, const Samples& s, LineSums sums, float inverse, float offset) {
  Lanes c, cc, xc;
  for (size_t i = 0; i < s.size(); i += kLanes)
    for (size_t l = 0; l < kLanes; ++l) {
      const float code = codes.nearest(s.values[i + l] * inverse + offset);
      const float weighted = s.importance[i + l] * code;
      c.part[l] += weighted;
      cc.part[l] += weighted * code;
      xc.part[l] += weighted * s.values[i + l];
    }
  sums.c = c.sum();
  sums.cc = cc.sum();
  sums.xc = xc.sum();
  return sums;
}

FreeLine best_line(const LineSums& s, bool unsigned_min) {
  FreeLine line{.sums = s};
  const double determinant = s.cc * s.w - s.c * s.c;
  if (determinant > 0) line.scale = std::max(0.0, (s.xc * s.w - s.x * s.c) / determinant);
  line.min = s.w > 0 ? (line.scale * s.c - s.x) / s.w : 0;
  if (unsigned_min && line.min < 0) {
    line.min = 0;
    line.scale = s.cc > 0 ? std::max(0.0, s.xc / s.cc) : 0;
  }
  line.error = s.error(line.scale, line.min);
  return line;
}

FreeLine search_line(const LineSet& set, const Samples& x) {
  auto [low, high] = std::ranges::minmax(x.values);
  if (set.unsigned_min) low = std::min(low, 0.0f);
  high = std::max(low, high);
  FreeLine best{.sums = value_sums(x)};
  const auto consider = [&](float inverse, float offset) {
    const FreeLine line = best_line(line_sums(set.codes, x, best.sums, inverse, offset), set.unsigned_min);
    if (!(line.error < best.error)) return false;
    best = line;
    return true;
  };
  const float inverse_span = inverse_of(high - low), top = static_cast<float>(set.codes.hi);
  const Sweep sweep = set.codes.sweep();
  for (int step = 0; step < sweep.steps; ++step) {
    const float inverse = sweep.at(step) * inverse_span;
    consider(inverse, -low * inverse);                      // the lowest weight gets code 0,
    consider(inverse, (top - (low + high) * inverse) / 2);  // or the middle one the middle code
  }
  const auto refine = [&] {
    const float inverse = inverse_of(static_cast<float>(best.scale));
    return consider(inverse, static_cast<float>(best.min) * inverse);
  };
  for (int round = 0; round < 4 && refine(); ++round) {
  }
  return best;
}

// ---- A scale and a minimum per group, each a small multiple of one of two floats ----

// Of max_sub / 2 to max_sub, the multiple that makes the largest free value; the best one's unit.
double common_unit(std::span<const double> free, std::span<const double> curvature, int max_sub) {
  const double extreme = *std::ranges::max_element(free);
  if (extreme <= 0) return 0;
  double best = 0, least = kNever;
  for (int multiple = max_sub; 2 * multiple >= max_sub; --multiple) {
    const double unit = extreme / multiple;
    double error = 0;
    for (size_t g = 0; g < free.size(); ++g) {
      const double off = free[g] - unit * std::min<double>(max_sub, std::nearbyint(free[g] / unit));
      error += off * off * curvature[g];
    }
    if (error < least) least = error, best = unit;
  }
  return best;
}

// The two units of least error for given multiples and codes, by regression over all groups.
class Units {
 public:
  void add(const LineSums& s, double sub_scale, double sub_min) {
    ss_ += sub_scale * sub_scale * s.cc;
    sm_ += sub_scale * sub_min * s.c;
    mm_ += sub_min * sub_min * s.w;
    sx_ += sub_scale * s.xc;
    mx_ += sub_min * s.x;
  }
  std::pair<double, double> solve() const {
    const double determinant = ss_ * mm_ - sm_ * sm_;
    if (determinant > 1e-9 * ss_ * mm_) {
      const double scale = (sx_ * mm_ - mx_ * sm_) / determinant, min = (sx_ * sm_ - mx_ * ss_) / determinant;
      if (scale >= 0 && min >= 0) return {scale, min};
    }
    return {ss_ > 0 ? std::max(0.0, sx_ / ss_) : 0, 0};
  }

 private:
  double ss_ = 0, sm_ = 0, mm_ = 0, sx_ = 0, mx_ = 0;
};

struct SubLine {
  int scale = 0, min = 0;
  double error = kNever;
  LineSums sums;
};

// The best multiples near those of the free line.
SubLine round_line(Range codes, const Samples& x, const FreeLine& free, float scale, float min, Range subs) {
  const int near_scale = static_cast<int>(subs.nearest(static_cast<float>(free.scale) * inverse_of(scale)));
  const int near_min = static_cast<int>(subs.nearest(static_cast<float>(free.min) * inverse_of(min)));
  SubLine best;
  for (int s = std::max(0, near_scale - 1); s <= std::min(subs.hi, near_scale + 1); ++s)
    for (int m = std::max(0, near_min - 1); m <= std::min(subs.hi, near_min + 1); ++m) {
      const float group_scale = scale * static_cast<float>(s), group_min = min * static_cast<float>(m);
      const float inverse = inverse_of(group_scale);
      const LineSums sums = line_sums(codes, x, free.sums, inverse, group_min * inverse);
      if (const double error = sums.error(group_scale, group_min); error < best.error) best = {s, m, error, sums};
    }
  return best;
}

}  // namespace

Sweep Range::sweep() const {
  const auto most = static_cast<float>(largest());
  if (most <= 2) return {0.5f, 8 * most, 48};  // few levels clip far inside the extremes
  if (most <= 4) return {0.4f * most, 1.7f * most, 24};
  if (most <= 32) return {0.6f * most, 1.15f * most, 24};
  return {0.98f * most, 1.01f * most, 8};
}

Sweep Table::sweep() const { return {0.5f * static_cast<float>(largest_), 1.2f * static_cast<float>(largest_), 24}; }

Fp16 to_fp16(double v) {
  return std::isnan(v) ? Fp16{0} : Fp16::from(static_cast<float>(std::clamp(v, -65504.0, 65504.0)));
}

Fp16 fit_scale(const Samples& x, Range range, std::span<int8_t> codes) { return fit_scale_to(range, x, codes); }
Fp16 fit_scale(const Samples& x, const Table& table, std::span<int8_t> codes) { return fit_scale_to(table, x, codes); }

SubScales fit_sub_scales(const Samples& x, size_t groups, Range range, Range subs, std::span<int8_t> codes) {
  return fit_sub_scales_to(range, x, groups, subs, codes);
}
SubScales fit_sub_scales(const Samples& x, size_t groups, const Table& table, Range subs, std::span<int8_t> codes) {
  return fit_sub_scales_to(table, x, groups, subs, codes);
}

Line fit_line(const Samples& x, int max_code, std::span<int8_t> codes) {
  const LineSet set{{0, max_code}, false};
  const FreeLine free = search_line(set, x);
  const Line line{to_fp16(free.scale), to_fp16(free.min)};
  const float inverse = inverse_of(line.scale);
  round_all(set.codes, x, inverse, line.min * inverse, codes);
  return line;
}

SubLines fit_sub_lines(const Samples& x, size_t groups, int max_code, int max_sub, std::span<int8_t> codes) {
  const LineSet set{{0, max_code}, true};
  const Range subs{0, max_sub};
  const size_t group_size = x.size() / groups;
  std::array<FreeLine, kMaxGroups> free;
  std::array<double, kMaxGroups> scales, mins, scale_curvature, min_curvature;
  for (size_t g = 0; g < groups; ++g) {
    free[g] = search_line(set, x.part(g, group_size));
    scales[g] = free[g].scale;
    mins[g] = free[g].min;
    scale_curvature[g] = free[g].sums.cc;
    min_curvature[g] = free[g].sums.w;
  }
  double scale_unit = common_unit(std::span(scales).first(groups), scale_curvature, max_sub);
  double min_unit = common_unit(std::span(mins).first(groups), min_curvature, max_sub);

  SubLines best;
  double least = kNever;
  for (int round = 0; round < 3; ++round) {
    SubLines now{.scale = to_fp16(scale_unit), .min = to_fp16(min_unit)};
    double error = 0;
    Units units;
    for (size_t g = 0; g < groups; ++g) {
      const SubLine line = round_line(set.codes, x.part(g, group_size), free[g], now.scale, now.min, subs);
      now.sub_scale[g] = static_cast<uint8_t>(line.scale);
      now.sub_min[g] = static_cast<uint8_t>(line.min);
      error += line.error;
      units.add(line.sums, line.scale, line.min);
    }
    if (!(error < least)) break;
    least = error;
    best = now;
    std::tie(scale_unit, min_unit) = units.solve();
  }
  for (size_t g = 0; g < groups; ++g) {
    const float inverse = inverse_of(best.scale * static_cast<float>(best.sub_scale[g]));
    round_all(set.codes, x.part(g, group_size), inverse, best.min * static_cast<float>(best.sub_min[g]) * inverse,
              codes.subspan(g * group_size, group_size));
  }
  return best;
}

double round_to(const Table& table, float scale, const Samples& x, std::span<int8_t> codes) {
  double error = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    codes[i] = static_cast<int8_t>(table.nearest(scale == 0 ? 0 : x.values[i] / scale));
    const double off = static_cast<double>(scale) * codes[i] - x.values[i];
    error += x.importance[i] * off * off;
  }
  return error;
}

}  // namespace hearth::quant
