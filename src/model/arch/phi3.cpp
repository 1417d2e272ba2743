// Phi-3, Phi-3.5 and Phi-4-mini: Llama with fused tensors, windows in every layer and, in long-context models,
// LongRoPE.
#include "model/read/decoder.h"

namespace hearth::model {

static Result<ModelPlan> plan(const ArchInput& input) { return read_decoder(input); }

extern const ArchSpec kPhi3{.names = {"phi3"}, .plan = &plan};

}  // namespace hearth::model
