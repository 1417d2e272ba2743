// Qwen3-MoE: Qwen3 with a mixture of experts as feed-forward, but in the layers whose feed-forward is dense in the
// file.
#include "model/read/decoder.h"
#include "model/read/dims.h"

namespace hearth::model {

static Result<ModelPlan> plan(const ArchInput& input) {
  HEARTH_TRY(plan, read_decoder(input, {.qk_norm = QkNorm::kPerHead}));
  HEARTH_TRY(moe, read_moe(input, std::get<Dense>(plan.layers[0].ffn)));
  for (size_t i = 0; i < plan.layers.size(); ++i)
    if (input.files.find(fmt::format("blk.{}.ffn_gate.weight", i)) == nullptr) plan.layers[i].ffn = moe;
  return plan;
}

extern const ArchSpec kQwen3Moe{.names = {"qwen3moe"}, .plan = &plan};

}  // namespace hearth::model
