#pragma once
// Rotary embeddings from metadata: base, dimensions and every scaling scheme, folded into a Rope.
#include "base/result.h"
#include "model/arch.h"

namespace hearth::model {

// Reads rope.freq_base, rope.dimension_count, rope.scaling.* and the factor tensors (rope_freqs,
// rope_factors_short/long). `head_dim` is the default number of dimensions, `model_context` what the model was made
// for: long-rope models use their long factors when the context asked for (input.context, or else model_context)
// exceeds the original one. Errors: kUnsupported names an unknown scaling type; kBadFile a number outside its range.
Result<Rope> read_rope(const ArchInput& input, uint32_t head_dim, uint32_t model_context);

// Without scaling: base^(-2i / dims).
Rope plain_rope(float base, uint32_t dims, bool interleaved);

// Whether the pairs of this file's q and k are (2i, 2i+1): GGUF files of the llama family are stored so.
bool rope_is_interleaved(const ArchInput& input);

}  // namespace hearth::model
