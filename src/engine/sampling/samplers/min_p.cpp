// min_p (Nguyen et al. 2024): tokens at least min_p times as likely as the likeliest: logit >= best + ln(min_p).
#include <cmath>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class MinP final : public Sampler {
 public:
  MinP(double min_p, uint32_t min_keep) : log_(static_cast<float>(std::log(min_p))), min_keep_(min_keep) {}
  void apply(Turn& turn) override { turn.candidates.keep_from(turn.candidates.best() + log_, min_keep_); }

 private:
  const float log_;
  const uint32_t min_keep_;
};

Result<void> check(const SamplingOptions& o, uint32_t) { return check_range("min_p", o.min_p, 0, 1); }

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  return o.min_p == 0 ? nullptr : std::make_unique<MinP>(o.min_p, o.min_keep);
}

}  // namespace

extern const SamplerSpec kMinP{.name = "min_p", .alias = "min-p", .truncates = true, .check = &check, .make = &make};

}  // namespace hearth::engine
