#include "model/read/dims.h"

#include <cmath>

#include "model/read/keys.h"

namespace hearth::model {

static Result<uint32_t> read_vocab(const ArchInput& input, uint32_t width) {
  const checkpoint::TensorInfo* table = input.files.find("token_embd.weight");
  if (table == nullptr) return fail(ErrorCode::kBadFile, "tensor token_embd.weight is missing");
  const Shape& shape = table->shape;
  if (shape.columns() != width || shape.rows() == 0 || shape.rows() > kMaxVocab)
    return fail(ErrorCode::kBadFile, "tensor token_embd.weight is {}, the plan says vocabulary×{}", shape.text(),
                width);
  return static_cast<uint32_t>(shape.rows());
}

// A number for all layers, or one per layer.
static Result<std::vector<uint32_t>> read_kv_heads(const ArchInput& input, const Keys& keys, uint32_t layers,
                                                   uint32_t heads) {
  const std::string key = keys.name("attention.head_count_kv");
  const auto per_layer = input.meta.integers(key);
  if (per_layer.empty()) {
    HEARTH_TRY(kv_heads, keys.count_or("attention.head_count_kv", heads, heads));
    if (heads % kv_heads != 0)
      return fail(ErrorCode::kBadFile, "key {} is {}, which does not divide the {} heads", key, kv_heads, heads);
    return std::vector<uint32_t>(layers, kv_heads);
  }
  if (per_layer.size() != layers)
    return fail(ErrorCode::kBadFile, "key {} has {} entries for {} layers", key, per_layer.size(), layers);
  for (const int64_t n : per_layer)
    if (n < 0 || n > heads || (n != 0 && heads % n != 0))
      return fail(ErrorCode::kBadFile, "key {} holds {}, which does not divide the {} heads", key, n, heads);
  return std::vector<uint32_t>(per_layer.begin(), per_layer.end());
}

static Result<void> read_attention(const ArchInput& input, const Keys& keys, Dims& dims) {
  HEARTH_TRY(heads, keys.count("attention.head_count", kMaxHeads));
  HEARTH_TRY(kv_heads, read_kv_heads(input, keys, dims.layers, heads));
  HEARTH_TRY(head_dim, keys.count_or("attention.key_length", dims.width / heads, kMaxHeadDim));
  HEARTH_TRY(value_dim, keys.count_or("attention.value_length", head_dim, kMaxHeadDim));
  if (head_dim == 0 || head_dim % 2 != 0 || head_dim > kMaxHeadDim)
    return fail(ErrorCode::kBadFile, "key {}: a head of {} dimensions is not even and between 2 and {}",
                keys.name("attention.key_length"), head_dim, kMaxHeadDim);
  if (value_dim != head_dim)
    return fail(ErrorCode::kUnsupported, "key {} is {}, but keys have {}", keys.name("attention.value_length"),
                value_dim, head_dim);
  dims.heads = heads;
  dims.kv_heads = std::move(kv_heads);
  dims.head_dim = head_dim;
  return {};
}

Result<Dims> read_dims(const ArchInput& input) {
  const Keys keys(input);
  const auto has_tensor = [&](std::string_view name) { return input.files.find(name) != nullptr; };
  HEARTH_TRY(layers, keys.count("block_count", kMaxLayers));
  HEARTH_TRY(width, keys.count("embedding_length", kMaxWidth));
  HEARTH_TRY(context, keys.count("context_length", kMaxContext));
  HEARTH_TRY(hidden, keys.count("feed_forward_length", kMaxHidden));
  HEARTH_TRY(eps, keys.number("attention.layer_norm_rms_epsilon"));
  HEARTH_TRY(vocab, read_vocab(input, width));
  if (eps >= 1)
    return fail(ErrorCode::kBadFile, "key {} is {}, it must be below 1", keys.name("attention.layer_norm_rms_epsilon"),
                eps);
  if (!has_tensor("output.weight") && !input.meta.boolean_or("hearth.tie_word_embeddings", true))
    return fail(ErrorCode::kBadFile,
                "there is no output head, and tie_word_embeddings says that the embedding is none: this is no model that writes text");
  Dims dims{.layers = layers,
            .width = width,
            .vocab = vocab,
            .context = context,
            .hidden = hidden,
            .norm_eps = eps,
            .norm_offset = static_cast<float>(input.meta.number_or("hearth.norm.offset", 0)),
            .tied_head = !has_tensor("output.weight") || input.meta.boolean_or("hearth.tie_word_embeddings", false),
            .qkv_bias = has_tensor("blk.0.attn_q.bias") || has_tensor("blk.0.attn_qkv.bias"),
            .out_bias = has_tensor("blk.0.attn_output.bias"),
            .ffn_bias = has_tensor("blk.0.ffn_down.bias")};
  HEARTH_TRY_VOID(read_attention(input, keys, dims));
  return dims;
}

Attention Dims::attention(uint32_t layer) const {
  return {.heads = heads,
          .kv_heads = kv_heads[layer],
          .head_dim = head_dim,
          .scale = 1 / std::sqrt(static_cast<float>(head_dim)),
          .qkv_bias = qkv_bias,
          .out_bias = out_bias};
}

ModelPlan plan_of(const ArchInput& input, const Dims& dims) {
  return {.arch = std::string(input.arch),
          .vocab = dims.vocab,
          .width = dims.width,
          .context = dims.context,
          .norm_eps = dims.norm_eps,
          .norm_offset = dims.norm_offset,
          .tied_head = dims.tied_head};
}

Result<std::vector<uint32_t>> read_windows(const ArchInput& input, uint32_t layers, uint32_t default_pattern, uint32_t default_window) {
  const Keys keys(input);
  const std::string pattern_key = keys.name("attention.sliding_window_pattern");
  HEARTH_TRY(window, keys.count_or("attention.sliding_window", default_window, kMaxContext, 0));
  std::vector<uint32_t> windows(layers, window);
  if (const std::vector<bool> windowed = input.meta.booleans(pattern_key); !windowed.empty()) {
    if (windowed.size() != layers)
      return fail(ErrorCode::kBadFile, "key {} has {} entries for {} layers", pattern_key, windowed.size(), layers);
    for (uint32_t i = 0; i < layers; ++i)
      if (!windowed[i]) windows[i] = 0;
    return windows;
  }
  HEARTH_TRY(period, keys.count_or("attention.sliding_window_pattern", default_pattern, kMaxLayers, 0));
  for (uint32_t i = 0; period != 0 && i < layers; ++i)
    if ((i + 1) % period == 0) windows[i] = 0;
  return windows;
}

Result<ops::Activation> read_activation(const ArchInput& input, ops::Activation fallback) {
  using enum ops::Activation;
  static constexpr std::pair<std::string_view, ops::Activation> kNames[] = {
      {"silu", kSilu}, {"swish", kSilu}, {"gelu_pytorch_tanh", kGeluTanh}, {"gelu_new", kGeluTanh}, {"gelu", kGelu},
      {"relu", kRelu}, {"relu2", kRelu2}};
  constexpr std::string_view kKey = "hearth.activation";
  if (!input.meta.has(kKey)) return fallback;
  HEARTH_TRY(name, input.meta.text(kKey));
  for (const auto& [known, activation] : kNames)
    if (name == known) return activation;
  return fail(ErrorCode::kUnsupported, "key {} is \"{}\", an activation this build lacks", kKey, name);
}

Result<Moe> read_moe(const ArchInput& input, const Dense& dense) {
  const Keys keys(input);
  HEARTH_TRY(experts, keys.count("expert_count", kMaxExperts));
  HEARTH_TRY(active, keys.count("expert_used_count", experts));
  HEARTH_TRY(hidden, keys.count_or("expert_feed_forward_length", dense.hidden, kMaxHidden));
  HEARTH_TRY(renormalize, keys.boolean_or("expert_weights_norm", true));
  HEARTH_TRY(scale, keys.number_or("expert_weights_scale", 1));  // some files write 0 for "none"
  return Moe{.experts = experts,
             .hidden = hidden,
             .activation = dense.activation,
             .router = {.active = active, .renormalize = renormalize, .scale = scale == 0 ? 1 : scale}};
}

}  // namespace hearth::model
