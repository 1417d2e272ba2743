#pragma once
// The samplers of one sequence in order, its random numbers, and the final draw.
//
// Default order: penalties, dry, top_n_sigma, top_k, typical_p, top_p, min_p, xtc, temperature. logit_bias always comes
// first; with mirostat, which comes last, the truncating samplers are left out. At temperature 0 only logit_bias, penalties
// and dry take part, and the likeliest token is taken, the lower one of equals.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "engine/sampling/options.h"
#include "engine/sampling/sampler.h"

namespace hearth::engine {

std::vector<std::string_view> sampler_names();  // those that may be ordered, in the default order

class Chain {
 public:
  // Errors: kInvalidArgument names the field and its range, or the unknown sampler and the known ones.
  static Result<Chain> make(const SamplingOptions& options, uint32_t vocab);

  // The next token. `logits` are the model's, with their distribution, and left as they are; `scratch` may be shared by many
  // chains in turn, and holds what was left to draw from afterwards. Errors: kInvalidArgument when the options forbid every token.
  Result<int32_t> choose(Candidates& scratch, std::span<const float> logits, const Distribution& distribution,
                         std::span<const int32_t> history);

 private:
  Chain(const SamplingOptions& options, uint32_t vocab, std::span<const SamplerSpec* const> order);

  bool is_greedy_;
  Random random_;
  std::vector<std::unique_ptr<Sampler>> samplers_;
};

}  // namespace hearth::engine
