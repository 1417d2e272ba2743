// top_k: the k likeliest tokens.
#include <algorithm>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class TopK final : public Sampler {
 public:
  explicit TopK(uint32_t count) : count_(count) {}
  void apply(Turn& turn) override { turn.candidates.keep_best(count_); }

 private:
  const uint32_t count_;
};

Result<void> check(const SamplingOptions&, uint32_t) { return {}; }  // every count is fine

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  return o.top_k == 0 ? nullptr : std::make_unique<TopK>(std::max(o.top_k, o.min_keep));
}

}  // namespace

extern const SamplerSpec kTopK{.name = "top_k", .alias = "top-k", .truncates = true, .check = &check, .make = &make};

}  // namespace hearth::engine
