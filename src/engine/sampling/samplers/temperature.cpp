// temperature: logits / temperature. With a range, dynamic temperature (kalomaze 2024): with the entropy H of n candidates,
//   low + (high - low) * (H / ln n)^exponent, between low = max(0, temperature - range) and high = temperature + range.
#include <algorithm>
#include <cmath>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

void divide(Candidates& candidates, double temperature) {
  if (temperature == 0) return candidates.keep_best(1);
  if (temperature != 1) candidates.scale(static_cast<float>(std::min(1 / temperature, 1e30)));  // stays finite for any logit
}

class Temperature final : public Sampler {
 public:
  explicit Temperature(double temperature) : temperature_(temperature) {}
  void apply(Turn& turn) override { divide(turn.candidates, temperature_); }

 private:
  const double temperature_;
};

double entropy(Candidates& candidates) {
  const double shift = candidates.best();
  double mass = 0, moment = 0;
  const auto add = [&](float logit) {
    const double weight = std::exp(logit - shift);
    if (weight == 0) return;
    mass += weight;
    moment += weight * (shift - logit);
  };
  if (candidates.is_whole())
    for (const float logit : candidates.logits()) add(logit);
  else
    for (const Candidate& candidate : candidates.list()) add(candidate.logit);
  return mass == 0 ? 0 : moment / mass + std::log(mass);
}

class DynamicTemperature final : public Sampler {
 public:
  DynamicTemperature(double low, double high, double exponent) : low_(low), high_(high), exponent_(exponent) {}

  void apply(Turn& turn) override {
    if (turn.candidates.size() < 2 || turn.candidates.best() == -INFINITY) return;
    const double share = entropy(turn.candidates) / std::log(static_cast<double>(turn.candidates.size()));
    divide(turn.candidates, low_ + (high_ - low_) * std::pow(std::clamp(share, 0.0, 1.0), exponent_));
  }

 private:
  const double low_, high_, exponent_;
};

Result<void> check(const SamplingOptions& o, uint32_t) {
  HEARTH_TRY_VOID(check_range("temperature", o.temperature, 0, 100));
  HEARTH_TRY_VOID(check_range("dynatemp_range", o.dynatemp_range, 0, 100));
  return check_range("dynatemp_exponent", o.dynatemp_exponent, 0, 100);
}

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  if (o.dynatemp_range > 0)
    return std::make_unique<DynamicTemperature>(std::max(0.0, o.temperature - o.dynatemp_range), o.temperature + o.dynatemp_range,
                                                o.dynatemp_exponent);
  return o.temperature == 1 ? nullptr : std::make_unique<Temperature>(o.temperature);
}

}  // namespace

extern const SamplerSpec kTemperature{.name = "temperature", .alias = "temp", .check = &check, .make = &make};

}  // namespace hearth::engine
