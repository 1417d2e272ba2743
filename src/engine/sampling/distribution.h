#pragma once
// Softmax over a whole vocabulary: p[i] = exp(logit[i] - max) / sum.
#include <cmath>
#include <cstddef>
#include <span>

#include "base/result.h"

namespace hearth::engine {

// Writes exp(logits[i] - shift) to `out` where it is not null, and returns their sum. Relative error of each below 3e-7;
// below exp(-87) they are 0. No logit may exceed `shift`.
double sum_of_exponentials(std::span<const float> logits, float shift, float* out);

// The model's own distribution, before any sampling option.
struct Distribution {
  float max = 0;
  double log_sum = 0;  // log(sum(exp(logits)))

  // Errors: kInternal when a logit is infinite or not a number.
  static Result<Distribution> of(std::span<const float> logits);

  float logprob(float logit) const { return static_cast<float>(logit - log_sum); }
};

float max_of(std::span<const float> logits);  // logits must not be empty, nor hold NaN

}  // namespace hearth::engine
