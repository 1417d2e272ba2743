// Llama 2 and 3, Mistral and what follows them. Mistral's windows, Llama 3's rope scaling and biases are read where the
// file has them.
#include "model/read/decoder.h"

namespace hearth::model {

static Result<ModelPlan> plan(const ArchInput& input) { return read_decoder(input); }

extern const ArchSpec kLlama{.names = {"llama", "mistral"}, .plan = &plan};

}  // namespace hearth::model
