// mirostat 2.0 (Basu et al. 2020): keeps tokens whose surprise -log2(p) is at most mu, and steers mu so that the surprise of
// what is chosen (among what was kept) averages tau: mu -= eta * (surprise - tau), from mu = 2 * tau.
#include <cmath>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class Mirostat final : public Sampler {
 public:
  Mirostat(double tau, double eta) : tau_(tau), eta_(eta), mu_(2 * tau) {}

  // -log2(exp(logit - best) / mass) <= mu
  void apply(Turn& turn) override {
    const double lowest = turn.candidates.best() + std::log(turn.candidates.mass()) - mu_ * std::log(2.0);
    turn.candidates.keep_from(static_cast<float>(lowest), 1);
  }
  void chosen(double probability) override { mu_ -= eta_ * (-std::log2(probability) - tau_); }

 private:
  const double tau_, eta_;
  double mu_;
};

Result<void> check(const SamplingOptions& o, uint32_t) {
  HEARTH_TRY_VOID(check_range("mirostat_tau", o.mirostat_tau, 0, 100));
  return check_range("mirostat_eta", o.mirostat_eta, 0, 10);
}

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  return o.mirostat ? std::make_unique<Mirostat>(o.mirostat_tau, o.mirostat_eta) : nullptr;
}

}  // namespace

extern const SamplerSpec kMirostat{.name = "mirostat", .alias = {}, .place = SamplerSpec::Place::kLast, .check = &check, .make = &make};

}  // namespace hearth::engine
