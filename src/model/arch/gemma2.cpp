// Gemma 2: every second layer is windowed; soft caps on attention scores and logits; norms before and after each block;
// embeddings scaled by sqrt(width).
#include <cmath>

#include "model/read/decoder.h"
#include "model/read/keys.h"

namespace hearth::model {

// As with Gemma 3, GGUF files do not store the scale of q·k; here it is the 46 layers of the 27B model that tell.
static Result<float> read_scale(const Keys& keys, const ModelPlan& plan) {
  const auto& attention = std::get<Attention>(plan.layers[0].mixer);
  if (plan.layers.size() != 46) return keys.number_or("attention.scale", attention.scale);
  return keys.number_or("attention.scale", 1 / std::sqrt(static_cast<float>(plan.width / attention.heads)));
}

static Result<ModelPlan> plan(const ArchInput& input) {
  const Keys keys(input);
  HEARTH_TRY(plan, read_decoder(input, {.activation = ops::Activation::kGeluTanh, .window_pattern = 2, .window = 4096}));
  HEARTH_TRY(scale, read_scale(keys, plan));
  HEARTH_TRY(attention_cap, keys.number_or("attn_logit_softcapping", 50));
  HEARTH_TRY(logit_cap, keys.number_or("final_logit_softcapping", 30));
  plan.embed_scale = std::sqrt(static_cast<float>(plan.width));
  plan.logit_softcap = logit_cap;
  for (Layer& layer : plan.layers) {
    auto& attention = std::get<Attention>(layer.mixer);
    attention.scale = scale;
    attention.softcap = attention_cap;
    layer.sandwich = true;
  }
  return plan;
}

extern const ArchSpec kGemma2{.names = {"gemma2"}, .plan = &plan};

}  // namespace hearth::model
