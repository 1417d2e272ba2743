#pragma once
// The folders of tests/golden/models: each is a case, made by tools/golden/models.py.
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::testing {

struct GoldenCase {
  std::string name, folder, arch = {};
  uint32_t vocab = 0, context = 0, prompt = 0;
  std::vector<int32_t> tokens = {}, greedy = {};
  std::vector<float> logits = {};       // (tokens.size(), vocab), computed by transformers in f32
  std::vector<float> bf16_logits = {};  // the same computed in bf16; empty where the weights are f32
};

// All of them, by name. A folder that is not a case is an error.
Result<std::vector<GoldenCase>> golden_cases();

// The largest over positions of max|a - b| / max|b|, b being the reference. NaN counts as infinite.
double worst_error(std::span<const float> logits, std::span<const float> reference, uint32_t vocab);

// sqrt(sum (a - b)^2 / sum b^2) over all positions.
double mean_error(std::span<const float> logits, std::span<const float> reference);

}  // namespace hearth::testing
