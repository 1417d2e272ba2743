// xtc, "exclude top choices" (p-e-w 2024): with `xtc_probability`, of the tokens at least `xtc_threshold` likely all but the
// least likely are removed.
#include <cmath>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class Xtc final : public Sampler {
 public:
  Xtc(double probability, double threshold, uint32_t min_keep) : probability_(probability), threshold_(threshold), min_keep_(min_keep) {}

  void apply(Turn& turn) override {
    const bool happens = turn.uniform < probability_;
    turn.uniform = happens ? turn.uniform / probability_ : (turn.uniform - probability_) / (1 - probability_);
    if (!happens) return;
    Candidates& candidates = turn.candidates;
    const double bar = threshold_ * candidates.mass();
    const float best = candidates.best();
    const size_t most = static_cast<size_t>(std::min(1 / threshold_ + 1, static_cast<double>(candidates.size())));
    size_t choices = 0;  // no more than 1 / threshold can be so likely
    for (const Candidate& candidate : candidates.ranked(most))
      choices += candidate.logit > -INFINITY && std::exp(double{candidate.logit} - best) >= bar;
    if (choices >= 2 && candidates.size() - (choices - 1) >= min_keep_) candidates.drop_best(choices - 1);
  }

 private:
  const double probability_, threshold_;
  const size_t min_keep_;
};

Result<void> check(const SamplingOptions& o, uint32_t) {
  HEARTH_TRY_VOID(check_range("xtc_probability", o.xtc_probability, 0, 1));
  return check_range("xtc_threshold", o.xtc_threshold, 0, 1);
}

// Above 1/2 no two tokens can be so likely.
std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  if (o.xtc_probability == 0 || o.xtc_threshold > 0.5) return nullptr;
  return std::make_unique<Xtc>(o.xtc_probability, o.xtc_threshold, o.min_keep);
}

}  // namespace

extern const SamplerSpec kXtc{.name = "xtc", .alias = {}, .truncates = true, .check = &check, .make = &make};

}  // namespace hearth::engine
