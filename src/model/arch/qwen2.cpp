// Qwen2 and Qwen2.5: Llama with biases on query, key and value.
#include "model/read/decoder.h"

namespace hearth::model {

static Result<ModelPlan> plan(const ArchInput& input) {
  HEARTH_TRY(plan, read_decoder(input));
  for (Layer& layer : plan.layers) std::get<Attention>(layer.mixer).qkv_bias = true;
  return plan;
}

extern const ArchSpec kQwen2{.names = {"qwen2"}, .plan = &plan};

}  // namespace hearth::model
