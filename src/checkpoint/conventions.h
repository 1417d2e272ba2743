#pragma once
// How a container stores what is otherwise the same model: rotary pair order and norm offsets. Told as hearth.* keys,
// so that the model reads weights as they lie instead of rewriting them. docs/formats/gguf.md explains each.
#include <string_view>

#include "base/metadata.h"

namespace hearth::checkpoint {

constexpr std::string_view kRopeInterleavedKey =
    "hearth.rope.interleaved";                                     // true: pairs (2i, 2i+1); false: (i, i + n/2)
constexpr std::string_view kNormOffsetKey = "hearth.norm.offset";  // effective norm weight = stored + offset

// Adds the keys for a GGUF file of general.architecture, unless the file states them itself.
void add_gguf_conventions(Metadata& meta);

}  // namespace hearth::checkpoint
