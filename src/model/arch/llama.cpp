// Llama 2 and 3, Mistral, Mixtral and what follows them. Mistral's windows, Llama 3's rope scaling, biases and
// Mixtral's experts are read where the file has them.
#include "model/read/decoder.h"
#include "model/read/dims.h"
#include "model/read/keys.h"

namespace hearth::model {

static Result<ModelPlan> plan(const ArchInput& input) {
  HEARTH_TRY(plan, read_decoder(input));
  HEARTH_TRY(experts, Keys(input).count_or("expert_count", 0, kMaxExperts, 0));
  if (experts == 0) return plan;
  HEARTH_TRY(moe, read_moe(input, std::get<Dense>(plan.layers[0].ffn)));
  for (Layer& layer : plan.layers) layer.ffn = moe;
  return plan;
}

extern const ArchSpec kLlama{.names = {"llama"}, .plan = &plan};

}  // namespace hearth::model
