// top_p (Holtzman et al. 2019, "nucleus"): the fewest likeliest tokens whose probabilities sum to at least p.
#include <algorithm>
#include <cmath>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class TopP final : public Sampler {
 public:
  TopP(double p, uint32_t min_keep) : p_(p), min_keep_(min_keep) {}

  void apply(Turn& turn) override {
    Candidates& candidates = turn.candidates;
    const double target = p_ * candidates.mass();
    const float best = candidates.best();
    // Usually a few dozen suffice, so the order is asked for in growing portions.
    double sum = 0;
    size_t kept = 0;
    for (size_t portion = 64; kept < candidates.size(); portion *= 8)
      for (const std::span<const Candidate> ranked = candidates.ranked(portion); kept < ranked.size();) {
        sum += std::exp(double{ranked[kept++].logit} - best);
        if (sum >= target && kept >= min_keep_) return candidates.keep_best(kept);
      }
  }

 private:
  const double p_;
  const size_t min_keep_;
};

Result<void> check(const SamplingOptions& o, uint32_t) { return check_range("top_p", o.top_p, 0, 1); }

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  return o.top_p == 1 ? nullptr : std::make_unique<TopP>(o.top_p, o.min_keep);
}

}  // namespace

extern const SamplerSpec kTopP{.name = "top_p", .alias = "top-p", .truncates = true, .check = &check, .make = &make};

}  // namespace hearth::engine
