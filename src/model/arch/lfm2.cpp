// LFM2: gated short convolutions, and attention in the layers that have key and value heads.
#include "model/read/decoder.h"
#include "model/read/keys.h"

namespace hearth::model {

static Result<ModelPlan> plan(const ArchInput& input) {
  HEARTH_TRY(plan, read_decoder(input, {.qk_norm = QkNorm::kPerHead}));
  HEARTH_TRY(taps, Keys(input).count("shortconv.l_cache", kMaxTaps, 2));
  if (input.files.find("output_norm.weight") == nullptr)
    plan.final_norm = "token_embd_norm.weight";  // LFM2's name for it
  for (size_t i = 0; i < plan.layers.size(); ++i) {
    const bool has_bias = input.files.find(fmt::format("blk.{}.shortconv.conv.bias", i)) != nullptr;
    Mixer& mixer = plan.layers[i].mixer;
    if (std::get<Attention>(mixer).kv_heads == 0) mixer = ShortConv{.taps = taps, .bias = has_bias};
  }
  return plan;
}

extern const ArchSpec kLfm2{.names = {"lfm2"}, .plan = &plan};

}  // namespace hearth::model
