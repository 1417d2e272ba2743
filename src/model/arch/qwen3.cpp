// Qwen3: Llama with each query and key head normalized before the rotation.
#include "model/read/decoder.h"

namespace hearth::model {

static Result<ModelPlan> plan(const ArchInput& input) { return read_decoder(input, {.qk_norm = QkNorm::kPerHead}); }

extern const ArchSpec kQwen3{.names = {"qwen3"}, .plan = &plan};

}  // namespace hearth::model
