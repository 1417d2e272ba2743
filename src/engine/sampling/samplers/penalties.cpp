// Penalties for tokens among the newest `repeat_last_n`, prompt included, `count` times there:
//   repeat (CTRL, Keskar et al. 2019): logit / penalty if positive, else logit * penalty
//   then frequency and presence (OpenAI): logit - count * frequency - presence
#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class Penalties final : public Sampler {
 public:
  explicit Penalties(const SamplingOptions& o)
      : repeat_(static_cast<float>(o.repeat_penalty)),
        frequency_(static_cast<float>(o.frequency_penalty)),
        presence_(static_cast<float>(o.presence_penalty)),
        last_n_(o.repeat_last_n) {}

  void apply(Turn& turn) override {
    const std::span<const int32_t> window = newest(turn.history, last_n_);
    const std::span<uint32_t> counts = turn.candidates.counters();
    for (const int32_t token : window) ++counts[static_cast<size_t>(token)];
    turn.candidates.edit(window, [&](int32_t token, float& logit) {
      uint32_t& count = counts[static_cast<size_t>(token)];
      if (count == 0) return;
      logit = logit > 0 ? logit / repeat_ : logit * repeat_;
      logit -= static_cast<float>(count) * frequency_ + presence_;
      count = 0;  // once per token
    });
    for (const int32_t token : window) counts[static_cast<size_t>(token)] = 0;  // those that are no candidates
  }

 private:
  const float repeat_, frequency_, presence_;
  const int32_t last_n_;
};

Result<void> check(const SamplingOptions& o, uint32_t) {
  HEARTH_TRY_VOID(check_range("repeat_penalty", o.repeat_penalty, 0.01, 100));
  HEARTH_TRY_VOID(check_range("frequency_penalty", o.frequency_penalty, -100, 100));
  HEARTH_TRY_VOID(check_range("presence_penalty", o.presence_penalty, -100, 100));
  return check_range("repeat_last_n", o.repeat_last_n, -1, INT32_MAX);
}

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  const bool is_neutral = o.repeat_penalty == 1 && o.frequency_penalty == 0 && o.presence_penalty == 0;
  return is_neutral || o.repeat_last_n == 0 ? nullptr : std::make_unique<Penalties>(o);
}

}  // namespace

extern const SamplerSpec kPenalties{.name = "penalties", .alias = {}, .shapes_greedy = true, .check = &check, .make = &make};

}  // namespace hearth::engine
