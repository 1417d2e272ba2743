// Gemma 3: five windowed layers with a rope of their own, then one that sees everything; norms before and after each
// block; embeddings scaled by sqrt(width).
#include <cmath>

#include "model/read/decoder.h"
#include "model/read/keys.h"
#include "model/read/rope.h"

namespace hearth::model {

// GGUF files do not store the scale of q·k. It is 1/sqrt(head_dim), but for the 27B model, which has 62 layers and
// 1/sqrt of width/heads (the published query_pre_attn_scalar: 168).
static Result<float> read_scale(const Keys& keys, const ModelPlan& plan) {
  const auto& attention = std::get<Attention>(plan.layers[0].mixer);
  if (plan.layers.size() != 62) return keys.number_or("attention.scale", attention.scale);
  return keys.number_or("attention.scale", 1 / std::sqrt(static_cast<float>(plan.width / attention.heads)));
}

static Result<ModelPlan> plan(const ArchInput& input) {
  const Keys keys(input);
  HEARTH_TRY(
      plan, read_decoder(input,
                         {.qk_norm = QkNorm::kPerHead, .activation = ops::Activation::kGeluTanh, .window_pattern = 6}));
  HEARTH_TRY(scale, read_scale(keys, plan));
  HEARTH_TRY(local_base, keys.number_or("rope.freq_base_swa", 10000));
  HEARTH_TRY(attention_cap, keys.number_or("attn_logit_softcapping", 0));
  HEARTH_TRY(logit_cap, keys.number_or("final_logit_softcapping", 0));
  plan.embed_scale = std::sqrt(static_cast<float>(plan.width));
  plan.logit_softcap = logit_cap;
  plan.ropes.push_back(plain_rope(local_base, plan.ropes[0].dims(), plan.ropes[0].interleaved));
  for (Layer& layer : plan.layers) {
    auto& attention = std::get<Attention>(layer.mixer);
    attention.scale = scale;
    attention.softcap = attention_cap;
    attention.rope = attention.window == 0 ? 0 : 1;
    layer.sandwich = true;
  }
  return plan;
}

extern const ArchSpec kGemma3{.names = {"gemma3"}, .plan = &plan};

}  // namespace hearth::model
