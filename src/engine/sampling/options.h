#pragma once
// How the next token is chosen. Defaults are neutral: greedy needs temperature 0, everything else is off.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hearth::engine {

struct SamplingOptions {
  uint64_t seed = 0;                 // the caller draws one when the user gave none
  std::vector<std::string> order;    // sampler names; empty: the documented default order (samplers.def)

  double temperature = 1;            // 0: the likeliest token, all other samplers but penalties and bias skipped
  double dynatemp_range = 0, dynatemp_exponent = 1;  // temperature ± range, by the distribution's entropy
  uint32_t top_k = 0;                // 0: off
  double top_p = 1, min_p = 0, typical_p = 1;
  double top_n_sigma = 0;            // keep logits within n standard deviations of the best; 0: off
  double xtc_probability = 0, xtc_threshold = 0.1;
  double dry_multiplier = 0, dry_base = 1.75;
  uint32_t dry_allowed_length = 2;
  int32_t dry_penalty_last_n = -1;   // -1: the whole context
  std::vector<std::vector<int32_t>> dry_breakers;    // token sequences across which no repetition is counted
  std::vector<int32_t> dry_breaker_tokens;           // the same of one token each
  double repeat_penalty = 1, frequency_penalty = 0, presence_penalty = 0;
  int32_t repeat_last_n = 64;        // -1: the whole context, 0: off
  bool mirostat = false;             // mirostat 2.0; replaces the truncating samplers
  double mirostat_tau = 5, mirostat_eta = 0.1;
  uint32_t min_keep = 1;             // truncating samplers keep at least so many
  std::vector<std::pair<int32_t, float>> logit_bias;  // added to logits; -infinity forbids
};

}  // namespace hearth::engine
