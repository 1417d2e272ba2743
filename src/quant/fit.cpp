// Least squares for encoders, in three steps. For fixed codes a group's error is a quadratic form of its scale and minimum:
// a sweep over scales finds each group a few good choices of codes. The block's scale and minimum are chosen by the error
// that all groups' forms have at the nearest multiples of them. Then scales and codes are fitted to each other in turns.
#include "quant/fit.h"

#include <cmath>
#include <limits>
#include <utility>

namespace hearth::quant {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
constexpr double kRounding = 2e-7;  // of the sum of squares: what errors of sums in single precision may be off by
constexpr size_t kLanes = 4;        // loops run over so many at once in vector registers; sizes are multiples of it
constexpr size_t kMaxGroups = 16;

struct Lanes {
  float part[kLanes] = {};
  double sum() const { return (part[0] + part[1]) + (part[2] + part[3]); }
};

float inverse_of(float scale) { return scale == 0 ? 0 : 1 / scale; }

// Not zero unless v is: codes make something of the smallest scale, of none they make nothing.
Fp16 to_scale(double v) {
  const Fp16 rounded = to_fp16(v);
  return rounded == 0 && v != 0 && !std::isnan(v) ? to_fp16(std::copysign(0x1p-24, v)) : rounded;
}

// ---- One group ----

struct Line {
  double scale = 0, min = 0;
};

// Sums over a group of importance (w) times products of values (x) and codes (c).
struct Sums {
  double w = 0, x = 0, xx = 0, c = 0, cc = 0, xc = 0;

  double error(Line l) const {
    return xx + l.scale * (l.scale * cc - 2 * xc - 2 * l.min * c) + l.min * (l.min * w + 2 * x);
  }
  double least(Line best) const { return xx - best.scale * xc + best.min * x; }
  double best_min(double scale) const { return (scale * c - x) / w; }
  Line best_through_zero() const { return {.scale = cc > 0 ? xc / cc : 0}; }
  Line best() const {
    const double determinant = cc * w - c * c;
    const double scale = determinant > 1e-6 * cc * w ? (xc * w - x * c) / determinant : 0;
    return {scale, best_min(scale)};
  }
};

// The sums without codes.
Sums value_sums(const Samples& s) {
  Sums sums;
  for (size_t i = 0; i < s.size(); ++i) {
    const double weight = s.importance[i], value = s.values[i];
    sums.w += weight;
    sums.x += weight * value;
    sums.xx += weight * value * value;
  }
  return sums;
}

// Completed by those of the codes nearest to value * inverse + offset.
template <bool kHasMin, class CodeSet>
HEARTH_ALWAYS_INLINE Sums code_sums(const CodeSet& set, const Samples& s, Sums sums, float inverse, float offset) {
  Lanes c, cc, xc;
  for (size_t i = 0; i < s.size(); i += kLanes)
    for (size_t l = 0; l < kLanes; ++l) {
      const float place = s.values[i + l] * inverse;
      const float code = set.nearest(kHasMin ? place + offset : place);
      const float weighted = s.importance[i + l] * code;
      if constexpr (kHasMin) c.part[l] += weighted;
      cc.part[l] += weighted * code;
      xc.part[l] += weighted * s.values[i + l];
    }
  if constexpr (kHasMin) sums.c = c.sum();
  sums.cc = cc.sum();
  sums.xc = xc.sum();
  return sums;
}

// A choice of codes for a group, by its sums.
struct Candidate {
  double error = kNever;  // at `line`
  Line line;
  Sums sums;
};

constexpr size_t kCandidates = 4;  // per group
using Candidates = std::array<Candidate, kCandidates>;

// ---- All groups ----

using Four = std::array<float, kLanes>;

// A candidate of each of four groups, as error(s, m) = least + cc (s - scale)^2 - 2 c (s - scale)(m - min) + w (m - min)^2.
struct Forms {
  Four least{}, scale{}, min{}, cc{}, c{}, w{};
  Four scale_per_min{}, min_per_scale{};  // how far the best of one moves with the other

  void set(size_t l, const Sums& s, Line best) {
    least[l] = static_cast<float>(std::max(0.0, s.least(best)));
    scale[l] = static_cast<float>(best.scale);
    min[l] = static_cast<float>(best.min);
    cc[l] = static_cast<float>(s.cc);
    c[l] = static_cast<float>(s.c);
    w[l] = static_cast<float>(s.w);
    scale_per_min[l] = s.cc > 0 ? static_cast<float>(s.c / s.cc) : 0;
    min_per_scale[l] = static_cast<float>(s.c / s.w);
  }
};

// A block's scale and minimum, of which groups have multiples.
struct Units {
  float scale, min;
  float inverse_scale = inverse_of(scale), inverse_min = inverse_of(min);
};

// The multiples of least error, and the error.
struct Multiples {
  Four error, sub_scale, sub_min;
};

template <bool kHasMin>
Multiples nearest_multiples(const Forms& f, const Scheme& scheme, const Units& unit) {
  Four error, sub_scale, sub_min{};
  for (size_t l = 0; l < kLanes; ++l) {
    float scale = f.scale[l];
    if constexpr (kHasMin)
      scale += f.scale_per_min[l] * (scheme.sub_min.nearest(f.min[l] * unit.inverse_min) * unit.min - f.min[l]);
    sub_scale[l] = scheme.sub_scale.nearest(scale * unit.inverse_scale);
    const float s = sub_scale[l] * unit.scale - f.scale[l];
    error[l] = f.least[l] + s * s * f.cc[l];
    if constexpr (kHasMin) {
      sub_min[l] = scheme.sub_min.nearest((f.min[l] + f.min_per_scale[l] * s) * unit.inverse_min);
      const float m = sub_min[l] * unit.min - f.min[l];
      error[l] += m * (m * f.w[l] - 2 * s * f.c[l]);
    }
  }
  return {error, sub_scale, sub_min};
}

template <class CodeSet, bool kHasMin>
class Search {
 public:
  Search(const CodeSet& set, const Samples& x, const Scheme& scheme) : set_(set), scheme_(scheme) {
    if (kHasMin && scheme.sub_min.lo == 0) min_sign_ = *std::ranges::min_element(x.values) < 0 ? 1 : -1;
    for (size_t g = 0; g < scheme.groups; ++g) {
      parts_[g] = x.part(g, x.size() / scheme.groups);
      sums_[g] = value_sums(parts_[g]);
      zero_error_ += sums_[g].xx;
      add_candidates(g);
    }
  }

  Scales run(std::span<int8_t> codes) {
    choose_units(1, 1);
    choose_units(kCandidates, std::max(1, std::max(scheme_.sub_scale.largest(), scheme_.sub_min.largest()) / 8));
    Scales best, now = chosen_;
    double least = zero_error_;
    for (int round = 0; round < 4; ++round) {
      double error = 0;
      for (size_t g = 0; g < scheme_.groups; ++g) error += fit_group(g, now);
      if (!(error < least)) break;
      least = error;
      best = now;
      fit_units(now);
    }
    for (size_t g = 0; g < scheme_.groups; ++g) write_codes(g, best, codes);
    return best;
  }

 private:
  // Sweeps over scales of both signs, or over lines of two kinds. The better half of scales may depend on the other groups,
  // so that each half of either sweep keeps its best; the best of all comes first.
  void add_candidates(size_t g) {
    Candidates found;
    const Sweep sweep = set_.sweep();
    const auto [low, high] = std::ranges::minmax(parts_[g].values);
    const float bottom = min_sign_ > 0 ? std::min(low, 0.0f) : low, top = std::max(bottom, high);
    const float unit = inverse_of(kHasMin ? top - bottom : std::max(-low, high));
    for (int step = 0; step < sweep.steps; ++step) {
      const size_t half = 2 * step < sweep.steps ? 0 : 1;
      const float inverse = sweep.at(step) * unit;
      if constexpr (kHasMin) {
        const float middle = (static_cast<float>(set_.largest()) - (bottom + top) * inverse) / 2;
        consider(g, inverse, -bottom * inverse, found[half]);  // the lowest weight gets code 0,
        consider(g, inverse, middle, found[half + 2]);         // or the middle one the middle code
      } else {
        consider(g, inverse, 0, found[half]);
        if (!set_.even()) consider(g, -inverse, 0, found[half + 2]);
      }
    }
    std::ranges::iter_swap(found.begin(), std::ranges::min_element(found, {}, &Candidate::error));
    for (int turn = 0; turn < 2; ++turn) {
      const float inverse = inverse_of(static_cast<float>(found[0].line.scale));
      consider(g, inverse, static_cast<float>(found[0].line.min) * inverse, found[0]);
    }
    for (size_t k = 0; k < kCandidates; ++k) {
      const Candidate& f = found[k].error < kNever ? found[k] : found[0];
      forms_[g / kLanes][k].set(g % kLanes, f.sums, kHasMin ? f.sums.best() : f.line);
      lines_[k][g] = f.line;
    }
  }

  // Among equals the first one stays.
  void consider(size_t g, float inverse, float offset, Candidate& best) const {
    const Sums sums = code_sums<kHasMin>(set_, parts_[g], sums_[g], inverse, offset);
    Line line = kHasMin ? sums.best() : sums.best_through_zero();
    if (kHasMin && line.min * min_sign_ < 0) line = sums.best_through_zero();
    const double error = sums.least(line);
    if (error < best.error - kRounding * sums.xx) best = {error, line, sums};
  }

  // Chooses the block's scale and minimum by `candidates` of every group, among those of which the group that needs the
  // largest has a multiple between half of the most and the most; of these multiples, every `step`-th.
  void choose_units(size_t candidates, int step) {
    const size_t scale_group = farthest(&Line::scale), min_group = farthest(&Line::min);
    const auto end = [](Range multiples) { return -multiples.lo > multiples.hi ? multiples.lo : multiples.hi; };
    const int scale_end = end(scheme_.sub_scale), min_end = end(scheme_.sub_min);

    double least = kNever;
    if (chosen_.scale != 0) attempt(chosen_.scale, chosen_.min, candidates, least);
    for (size_t k = 0; k < candidates; ++k)
      attempt(lines_[k][scale_group].scale / scale_end, kHasMin ? lines_[k][min_group].min / min_end : 0, candidates, least);
    for (int turn = 0; turn < (kHasMin ? 3 : 1); ++turn) {
      const bool scales = turn != 1;
      const int most = scales ? scale_end : min_end, next = most < 0 ? step : -step;
      for (size_t k = 0; k < candidates; ++k)
        for (int multiple = most + next; multiple != 0 && 2 * std::abs(multiple) >= std::abs(most); multiple += next) {
          if (scales) attempt(lines_[k][scale_group].scale / multiple, chosen_.min, candidates, least);
          else attempt(chosen_.scale, lines_[k][min_group].min / multiple, candidates, least);
        }
    }
  }

  // The group whose first candidate has the largest scale, or minimum.
  size_t farthest(double Line::*part) const {
    size_t found = 0;
    for (size_t g = 1; g < scheme_.groups; ++g)
      if (std::fabs(lines_[0][g].*part) > std::fabs(lines_[0][found].*part)) found = g;
    return found;
  }

  // Takes this scale and minimum, rounded to what a block stores, if the groups' error is less than `least`.
  void attempt(double scale, double min, size_t candidates, double& least) {
    const Fp16 stored_scale = to_scale(scale), stored_min = to_scale(min);
    const Units unit{stored_scale, stored_min};
    Scales now{.scale = stored_scale, .min = stored_min};
    double error = 0;
    for (size_t first = 0; first < scheme_.groups; first += kLanes) {
      Multiples best = nearest_multiples<kHasMin>(forms_[first / kLanes][0], scheme_, unit);
      for (size_t k = 1; k < candidates; ++k) {
        const Multiples other = nearest_multiples<kHasMin>(forms_[first / kLanes][k], scheme_, unit);
        for (size_t l = 0; l < kLanes; ++l) {
          const bool better = other.error[l] < best.error[l];
          best.error[l] = better ? other.error[l] : best.error[l];
          best.sub_scale[l] = better ? other.sub_scale[l] : best.sub_scale[l];
          best.sub_min[l] = better ? other.sub_min[l] : best.sub_min[l];
        }
      }
      for (size_t l = 0; l < kLanes; ++l) {
        error += best.error[l];
        now.sub_scale[first + l] = static_cast<int8_t>(best.sub_scale[l]);
        now.sub_min[first + l] = static_cast<int8_t>(best.sub_min[l]);
      }
      if (!(error < least)) return;
    }
    least = error;
    chosen_ = now;
  }

  // Moves a group to the best of the multiples nearby, each with the codes nearest under it; returns the error.
  double fit_group(size_t g, Scales& now) {
    double least = kNever;
    const int middle = now.sub_scale[g], first_min = now.sub_min[g];
    for (int sub = std::max(scheme_.sub_scale.lo, middle - 1); sub <= std::min(scheme_.sub_scale.hi, middle + 1); ++sub)
      for (int turn = 0, sub_min = first_min; turn < 2; ++turn) {
        const float scale = now.scale * static_cast<float>(sub), min = now.min * static_cast<float>(sub_min);
        const float inverse = inverse_of(scale);
        const Sums sums = code_sums<kHasMin>(set_, parts_[g], sums_[g], inverse, min * inverse);
        if (const double error = sums.error({scale, min}); error < least) {
          least = error;
          sums_[g] = sums;
          now.sub_scale[g] = static_cast<int8_t>(sub);
          now.sub_min[g] = static_cast<int8_t>(sub_min);
        }
        const int next = static_cast<int>(scheme_.sub_min.nearest(static_cast<float>(sums.best_min(scale)) * inverse_of(now.min)));
        if (next == sub_min) break;
        sub_min = next;
      }
    return least;
  }

  // The scale and minimum of least error for the groups' multiples and codes.
  void fit_units(Scales& now) const {
    Sums all;
    for (size_t g = 0; g < scheme_.groups; ++g) {
      const double scale = now.sub_scale[g], min = now.sub_min[g];
      all.w += min * min * sums_[g].w;
      all.x += min * sums_[g].x;
      all.c += scale * min * sums_[g].c;
      all.cc += scale * scale * sums_[g].cc;
      all.xc += scale * sums_[g].xc;
    }
    now.scale = to_scale(all.w > 0 ? all.best().scale : all.best_through_zero().scale);
    now.min = all.w > 0 ? to_scale(all.best_min(now.scale)) : Fp16{0};
  }

  void write_codes(size_t g, const Scales& s, std::span<int8_t> codes) const {
    const float inverse = inverse_of(s.scale * static_cast<float>(s.sub_scale[g]));
    const float offset = s.min * static_cast<float>(s.sub_min[g]) * inverse;
    const Samples& part = parts_[g];
    for (size_t i = 0; i < part.size(); ++i)
      codes[g * part.size() + i] = static_cast<int8_t>(set_.nearest(part.values[i] * inverse + offset));
  }

  const CodeSet& set_;
  const Scheme& scheme_;
  double min_sign_ = 0;  // of a minimum whose multiples are not negative; 0 if it may have any
  double zero_error_ = 0;
  std::array<Samples, kMaxGroups> parts_;
  std::array<Sums, kMaxGroups> sums_;  // of the codes last chosen
  std::array<std::array<Forms, kCandidates>, kMaxGroups / kLanes> forms_;
  std::array<std::array<Line, kMaxGroups>, kCandidates> lines_;  // of the forms, with a minimum of the allowed sign
  Scales chosen_;
};

}  // namespace

Sweep Range::sweep() const {
  const auto most = static_cast<float>(largest());
  if (most <= 2) return {8 * most, 0.5f, 48};  // few levels clip far inside the extremes
  if (most <= 4) return {1.7f * most, 0.4f * most, 24};
  if (most <= 32) return {most + 1, 0.6f * most, 24};
  return {most + 1, 0.96f * most, 8};
}

Sweep Table::sweep() const { return {1.2f * static_cast<float>(largest_), 0.5f * static_cast<float>(largest_), 24}; }

Fp16 to_fp16(double v) {
  return std::isnan(v) ? Fp16{0} : Fp16::from(static_cast<float>(std::clamp(v, -65504.0, 65504.0)));
}

Scales fit(const Samples& x, Range code_set, const Scheme& scheme, std::span<int8_t> codes) {
  if (scheme.sub_min.hi > 0) return Search<Range, true>(code_set, x, scheme).run(codes);
  return Search<Range, false>(code_set, x, scheme).run(codes);
}

Scales fit(const Samples& x, const Table& code_set, const Scheme& scheme, std::span<int8_t> codes) {
  return Search<Table, false>(code_set, x, scheme).run(codes);
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
