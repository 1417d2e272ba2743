#pragma once
// What most architectures have in common, read once: sizes, attention windows, experts.
#include <vector>

#include "base/result.h"
#include "model/arch.h"

namespace hearth::model {

struct Dims {
  uint32_t layers, width, vocab, context;
  uint32_t heads = 0, head_dim = 0;
  std::vector<uint32_t> kv_heads = {};  // of each layer; 0: no attention there (hybrids)
  uint32_t hidden;                      // of a dense feed-forward
  float norm_eps, norm_offset;
  bool tied_head;
  bool qkv_bias, out_bias, ffn_bias;

  Attention attention(uint32_t layer) const;  // without windows and norms, its rope the plan's first
  Dense dense() const { return {.hidden = hidden, .bias = ffn_bias}; }
};
// block_count, embedding_length, attention.*, feed_forward_length; the vocabulary and the biases from the tensors.
Result<Dims> read_dims(const ArchInput& input);

// A plan with everything but ropes and layers.
ModelPlan plan_of(const ArchInput& input, const Dims& dims);

// The window of each layer, 0 = unbounded. attention.sliding_window is the window of the windowed layers; which they
// are tells attention.sliding_window_pattern: one boolean per layer, or a number n: every n-th layer sees everything.
// The defaults stand where a key is absent; pattern 0: all layers are windowed.
Result<std::vector<uint32_t>> read_windows(const ArchInput& input, uint32_t layers, uint32_t default_pattern, uint32_t default_window = 0);

// The feed-forward's activation, which Hugging Face files state. Errors: kUnsupported names an unknown one.
Result<ops::Activation> read_activation(const ArchInput& input, ops::Activation fallback);

// expert_count, expert_used_count, expert_weights_norm, expert_weights_scale; expert_feed_forward_length, or else the
// length of the dense feed-forward that the experts stand for.
Result<Moe> read_moe(const ArchInput& input, const Dense& dense);

}  // namespace hearth::model
