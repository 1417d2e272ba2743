// top_n_sigma (Tang et al. 2024): logits at most n standard deviations below the best. Forbidden tokens do not count.
#include <cmath>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class TopNSigma final : public Sampler {
 public:
  TopNSigma(double n, uint32_t min_keep) : n_(n), min_keep_(min_keep) {}

  void apply(Turn& turn) override {
    Candidates& candidates = turn.candidates;
    const double best = candidates.best();
    double count = 0, sum = 0, squares = 0;  // of the distances to the best
    const auto add = [&](float logit) {
      if (logit == -INFINITY) return;
      const double distance = best - logit;
      count += 1;
      sum += distance;
      squares += distance * distance;
    };
    if (candidates.is_whole())
      for (const float logit : candidates.logits()) add(logit);
    else
      for (const Candidate& candidate : candidates.list()) add(candidate.logit);
    if (count == 0) return;
    const double mean = sum / count, variance = std::max(0.0, squares / count - mean * mean);
    candidates.keep_from(static_cast<float>(best - n_ * std::sqrt(variance)), min_keep_);
  }

 private:
  const double n_;
  const uint32_t min_keep_;
};

Result<void> check(const SamplingOptions& o, uint32_t) { return check_range("top_n_sigma", o.top_n_sigma, 0, 1e6); }

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  return o.top_n_sigma == 0 ? nullptr : std::make_unique<TopNSigma>(o.top_n_sigma, o.min_keep);
}

}  // namespace

extern const SamplerSpec kTopNSigma{.name = "top_n_sigma", .alias = "top-n-sigma", .truncates = true, .check = &check, .make = &make};

}  // namespace hearth::engine
