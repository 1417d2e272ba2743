#include "model/read/decoder.h"

#include "model/read/dims.h"
#include "model/read/rope.h"

namespace hearth::model {

Result<ModelPlan> read_decoder(const ArchInput& input, const DecoderTraits& traits) {
  HEARTH_TRY(dims, read_dims(input));
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
