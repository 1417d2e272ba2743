#pragma once
// Softmax over a whole vocabulary: p[i] = exp(logit[i] - max) / sum.
#include <cmath>
#include <cstddef>
#include <span>

#include "base/result.h"
#include "ops/ops.h"

namespace hearth::engine {

// Writes exp(logits[i] - shift) to `out` where it is not null, and returns their sum. Relative error of each below 3e-7;
// below exp(-87) they are 0. No logit may exceed `shift`. `out` may be
// where the logits are.
double sum_of_exponentials(std::span<const float> logits, float shift, float* out);

struct Distribution {
  float max = 0;
  double mass = 0;  // sum(exp(logits - max)); 0 where every logit is -infinity

  // Of what a model computed. Errors: kInternal when a logit is infinite or not a number.
  static Result<Distribution> of(std::span<const float> logits, const ops::SoftmaxSums& sums);
  // Of logits known to be free of NaN and +infinity.
  static Distribution measure(std::span<const float> logits);

  float logprob(float logit) const { return static_cast<float>(double{logit} - max - std::log(mass)); }
};

float max_of(std::span<const float> logits);  // logits must not be empty, nor hold NaN

}  // namespace hearth::engine
