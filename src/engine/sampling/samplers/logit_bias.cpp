// logit_bias: logit[token] += bias; -infinity forbids the token. An allow-list is this list too, with everything else
// forbidden, so that its length is bounded by the vocabulary only.
#include <cmath>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class LogitBias final : public Sampler {
 public:
  explicit LogitBias(std::vector<std::pair<int32_t, float>> biases) : biases_(std::move(biases)) {}

  void apply(Turn& turn) override {
    for (const auto& [biased, bias] : biases_)
      turn.candidates.edit({&biased, 1}, [&](int32_t token, float& logit) { logit += token == biased ? bias : 0; });
  }

 private:
  const std::vector<std::pair<int32_t, float>> biases_;
};

Result<void> check(const SamplingOptions& o, uint32_t vocab) {
  for (const auto& [token, bias] : o.logit_bias) {
    if (token < 0 || static_cast<uint32_t>(token) >= vocab)
      return fail(ErrorCode::kInvalidArgument, "sampling.logit_bias names token {}, tokens of this model lie between 0 and {}", token, vocab - 1);
    if (bias != -INFINITY) HEARTH_TRY_VOID(check_range("logit_bias", bias, -1e6, 1e6));
  }
  return {};
}

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  return o.logit_bias.empty() ? nullptr : std::make_unique<LogitBias>(o.logit_bias);
}

}  // namespace

extern const SamplerSpec kLogitBias{.name = "logit_bias", .alias = {}, .place = SamplerSpec::Place::kFirst, .shapes_greedy = true,
                                    .check = &check, .make = &make};

}  // namespace hearth::engine
