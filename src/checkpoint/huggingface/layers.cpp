#include <algorithm>
#include <cmath>

#include "checkpoint/huggingface/config.h"

namespace hearth::checkpoint {

namespace {

constexpr int64_t kMaxLayers = 4096;

// "full_attention", "sliding_attention", "conv", ... of each layer; empty where the config does not list them.
Result<std::vector<std::string>> layer_types(const Json& config, int64_t layers) {
  const Json* list = present(config, "layer_types");
  if (list == nullptr) return std::vector<std::string>{};
  std::vector<std::string> out;
  if (list->is_array())
    for (const Json& type : list->as_array())
      if (type.is_string()) out.push_back(type.as_string());
  if (static_cast<int64_t>(out.size()) != layers)
    return fail(ErrorCode::kBadFile, "layer_types must list the kind of each of the {} layers", layers);
  return out;
}

void add_head_lengths(const Json& config, const std::string& arch, Metadata& meta) {
  const int64_t width = meta.integer_or(arch + ".embedding_length", 0);
  const int64_t heads = meta.integer_or(arch + ".attention.head_count", 0);
  for (const char* key : {".attention.key_length", ".attention.value_length"})
    if (!meta.has(arch + key) && heads > 0 && width > 0) meta.set(arch + key, width / heads);
  const double scalar = config.number_or("query_pre_attn_scalar", 0);
  if (scalar > 0) meta.set(arch + ".attention.scale", 1.0 / std::sqrt(scalar));
}

// Which layers see a window only: GGUF's sliding_window_pattern as one boolean per layer. Absent where all layers
// slide. A config that speaks of windows and has none says so with a window of 0, lest the architecture's own apply.
void add_window(const Json& config, const std::string& arch, const std::vector<std::string>& types, int64_t layers,
                Metadata& meta) {
  const int64_t window = config.boolean_or("use_sliding_window", true) ? config.integer_or("sliding_window", 0) : 0;
  std::vector<bool> slides;
  const int64_t every = config.integer_or("sliding_window_pattern", 0);
  for (const std::string& type : types) slides.push_back(type == "sliding_attention");
  if (types.empty() && every > 0)
    for (int64_t i = 0; i < layers; ++i) slides.push_back((i + 1) % every != 0);
  if (types.empty() && every <= 0 && config.has("use_sliding_window"))  // Qwen: the upper layers only
    for (int64_t i = 0; i < layers; ++i) slides.push_back(i >= config.integer_or("max_window_layers", 0));
  const bool none_slides = window <= 0 || (!slides.empty() && std::ranges::find(slides, true) == slides.end());
  if (config.has("sliding_window")) meta.set(arch + ".attention.sliding_window", none_slides ? int64_t{0} : window);
  if (!none_slides && !slides.empty()) meta.set(arch + ".attention.sliding_window_pattern", std::move(slides));
}

// Hybrids: GGUF marks a layer without attention by 0 key/value heads.
Result<void> add_convolutions(const Json& config, const std::string& arch, std::vector<std::string> types,
                              int64_t layers, Metadata& meta) {
  const Json* attention_layers = present(config, "full_attn_idxs");
  if (types.empty() && attention_layers != nullptr && attention_layers->is_array()) {
    types.assign(static_cast<size_t>(layers), "conv");
    for (const Json& index : attention_layers->as_array()) {
      if (!index.is_integer() || index.as_integer() < 0 || index.as_integer() >= layers)
        return fail(ErrorCode::kBadFile, "full_attn_idxs must list layers from 0 to {}", layers - 1);
      types[static_cast<size_t>(index.as_integer())] = "full_attention";
    }
  }
  if (std::find(types.begin(), types.end(), "conv") == types.end()) return {};
  HEARTH_TRY(heads, meta.integer(arch + ".attention.head_count_kv"));
  std::vector<int64_t> per_layer;
  for (const std::string& type : types) per_layer.push_back(type == "conv" ? 0 : heads);
  meta.set(arch + ".attention.head_count_kv", std::move(per_layer));
  return {};
}

// LFM2 states the feed-forward length before its own rounding; GGUF states it after.
void round_feed_forward(const Json& config, const std::string& arch, Metadata& meta) {
  const Json* block = present(config, "block_ff_dim");
  int64_t length =
      block != nullptr && block->is_integer() ? block->as_integer() : meta.integer_or(arch + ".feed_forward_length", 0);
  if (length <= 0 || length > (int64_t{1} << 40)) return;
  if (config.boolean_or("block_auto_adjust_ff_dim", false)) {
    const int64_t multiple = std::clamp<int64_t>(config.integer_or("block_multiple_of", 1), 1, 1 << 20);
    const double scaled = config.number_or("block_ffn_dim_multiplier", 1.0) * static_cast<double>(2 * length / 3);
    if (!(scaled > 0 && scaled < 1e15)) return;
    length = (static_cast<int64_t>(scaled) + multiple - 1) / multiple * multiple;
  }
  meta.set(arch + ".feed_forward_length", length);
}

}  // namespace

Result<void> add_layers(const Json& config, const std::string& arch, Metadata& meta) {
  const int64_t layers = meta.integer_or(arch + ".block_count", 0);
  if (layers < 0 || layers > kMaxLayers)
    return fail(ErrorCode::kBadFile, "num_hidden_layers is {}, it must be from 1 to {}", layers, kMaxLayers);
  HEARTH_TRY(types, layer_types(config, layers));
  add_head_lengths(config, arch, meta);
  add_window(config, arch, types, layers, meta);
  if (config.boolean_or("use_bidirectional_attention", false)) meta.set(arch + ".attention.causal", false);
  HEARTH_TRY_VOID(add_convolutions(config, arch, types, layers, meta));
  round_feed_forward(config, arch, meta);
  if (const Json* dense = present(config, "mlp_only_layers"); dense != nullptr && dense->is_array()) {
    std::vector<int64_t> indices;
    for (const Json& index : dense->as_array())
      if (index.is_integer()) indices.push_back(index.as_integer());
    if (!indices.empty()) meta.set("hearth.moe.dense_layers", std::move(indices));
  }
  return {};
}

}  // namespace hearth::checkpoint
