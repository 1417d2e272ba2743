#pragma once
// The plan most architectures start from: attention and a gated dense feed-forward in every layer, one rope, RMS norms.
// What an architecture has of its own it changes in the plan that comes back.
#include "base/result.h"
#include "model/arch.h"

namespace hearth::model {

struct DecoderTraits {
  QkNorm qk_norm = QkNorm::kNone;
  ops::Activation activation = ops::Activation::kSilu;
  uint32_t window_pattern = 0, window = 0;  // read_windows' defaults
};
Result<ModelPlan> read_decoder(const ArchInput& input, const DecoderTraits& traits = {});

}  // namespace hearth::model
