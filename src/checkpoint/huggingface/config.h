#pragma once
// The parts of a config.json that are more than a renamed key: layer kinds, head sizes and rotary scaling.
// Each adds its keys under "<arch>." to `meta`, which already holds what rules.def copied.
#include <string>

#include "base/json.h"
#include "base/metadata.h"
#include "base/result.h"

namespace hearth::checkpoint {

// A member that is there and not null.
inline const Json* present(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

// Head lengths, attention scale, which layers slide, which are convolutions or dense, LFM2's feed-forward length.
Result<void> add_layers(const Json& config, const std::string& arch, Metadata& meta);

// rope.dimension_count, rope.freq_base(_swa), rope.scaling.* and hearth.rope.attention_factor.
Result<void> add_rope(const Json& config, const std::string& arch, Metadata& meta);

}  // namespace hearth::checkpoint
