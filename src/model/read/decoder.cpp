#include "model/read/decoder.h"

#include "model/read/dims.h"
#include "model/read/keys.h"
#include "model/read/rope.h"

namespace hearth::model {

static Result<void> refuse_bidirectional(const ArchInput& input) {
  const Keys keys(input);
  HEARTH_TRY(is_causal, keys.boolean_or("attention.causal", true));
  if (is_causal) return {};
  return fail(ErrorCode::kUnsupported,
              "key {} is false: tokens see those after them, as in models for embeddings; this build runs models that write text",
              keys.name("attention.causal"));
}

Result<ModelPlan> read_decoder(const ArchInput& input, const DecoderTraits& traits) {
  HEARTH_TRY(dims, read_dims(input));
  HEARTH_TRY_VOID(refuse_bidirectional(input));
  HEARTH_TRY(rope, read_rope(input, dims.head_dim, dims.context));
  HEARTH_TRY(windows, read_windows(input, dims.layers, traits.window_pattern, traits.window));
  HEARTH_TRY(activation, read_activation(input, traits.activation));
  ModelPlan plan = plan_of(input, dims);
  plan.ropes = {rope};
  for (uint32_t i = 0; i < dims.layers; ++i) {
    Attention attention = dims.attention(i);
    attention.qk_norm = traits.qk_norm;
    attention.window = windows[i];
    Dense dense = dims.dense();
    dense.activation = activation;
    plan.layers.push_back({.mixer = attention, .ffn = dense});
  }
  return plan;
}

}  // namespace hearth::model
