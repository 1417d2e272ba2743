// Attention: one product for q, k and v, optional norms per head, rotation, the cache, and the output product.
#include "model/blocks/block.h"

namespace hearth::model {

namespace {

class AttentionBlock final : public Block {
 public:
  AttentionBlock(const Attention& options, Weights& weights, const LayerPlace& place);
  void forward(const StepRun& run, ops::ConstMatrix x, const ops::NormOptions& norm, ops::Matrix out,
               bool accumulate) const override;
  void count_use(uint32_t /*rows*/, WeightUse& use) const override {
    model::count_use(*qkv_, use);
    model::count_use(*output_, use);
  }

 private:
  void orient(const StepRun& run, ops::Matrix heads, uint32_t count, const Vector& norm) const;

  Attention options_;
  uint32_t cache_;  // index into StateView::kv
  uint32_t q_width_, kv_width_;
  WeightPtr qkv_, output_;
  Vector qkv_bias_, output_bias_, q_norm_, k_norm_;
};

AttentionBlock::AttentionBlock(const Attention& options, Weights& weights, const LayerPlace& place)
    : options_(options),
      cache_(place.state),
      q_width_(options.heads * options.head_dim),
      kv_width_(options.kv_heads * options.head_dim) {
  const uint32_t width = weights.plan().width;
  const auto parts = [&](std::string_view kind) {
    return std::vector<Weights::Part>{{place.tensor(fmt::format("attn_q.{}", kind)), q_width_},
                                      {place.tensor(fmt::format("attn_k.{}", kind)), kv_width_},
                                      {place.tensor(fmt::format("attn_v.{}", kind)), kv_width_}};
  };
  qkv_ = weights.fused_or_stacked(place.tensor("attn_qkv.weight"), parts("weight"), width);
  output_ = weights.matrix(place.tensor("attn_output.weight"), width, q_width_);
  if (options.qkv_bias) qkv_bias_ = weights.fused_or_joined(place.tensor("attn_qkv.bias"), parts("bias"));
  if (options.out_bias) output_bias_ = weights.vector(place.tensor("attn_output.bias"), width);
  if (options.qk_norm == QkNorm::kPerHead) {
    q_norm_ = weights.norm(place.tensor("attn_q_norm.weight"), options.head_dim);
    k_norm_ = weights.norm(place.tensor("attn_k_norm.weight"), options.head_dim);
  }
}

void AttentionBlock::forward(const StepRun& run, ops::ConstMatrix x, const ops::NormOptions& norm, ops::Matrix out,
                             bool accumulate) const {
  const ops::Matrix qkv = run.scratch.matrix(Purpose::kProjected, x.rows, q_width_ + 2 * kv_width_);
  run.backend.matmul(*qkv_, x, qkv, {.norm = &norm, .bias = qkv_bias_.values()});

  const ops::Matrix q = qkv.slice(0, q_width_);
  const ops::Matrix k = qkv.slice(q_width_, kv_width_), v = qkv.slice(q_width_ + kv_width_, kv_width_);
  orient(run, q, options_.heads, q_norm_);
  orient(run, k, options_.kv_heads, k_norm_);
  const ops::KvLayer& cache = run.state.kv[cache_];
  run.backend.kv_append(k, v, cache, run.step);

  const ops::Matrix mixed = run.scratch.matrix(Purpose::kMixed, x.rows, q_width_);
  run.backend.attention(
      q, cache, run.step, mixed,
      {.heads = options_.heads, .scale = options_.scale, .window = options_.window, .softcap = options_.softcap});
  run.backend.matmul(*output_, mixed, out, {.bias = output_bias_.values(), .accumulate = accumulate});
}

// Norms and rotates the heads of q or k in place.
void AttentionBlock::orient(const StepRun& run, ops::Matrix heads, uint32_t count, const Vector& norm) const {
  if (!norm.empty()) run.backend.norm(heads, heads, {.weight = norm.values(), .eps = run.norm_eps, .groups = count});
  if (options_.rope < 0) return;
  const StepRope& rope = run.ropes[static_cast<size_t>(options_.rope)];
  run.backend.rope(
      heads, rope.angles,
      {.heads = count, .head_dim = options_.head_dim, .dims = rope.angles.columns, .interleaved = rope.interleaved});
}

}  // namespace

BlockPtr make_block(const Attention& options, Weights& weights, const LayerPlace& place) {
  return std::make_unique<AttentionBlock>(options, weights, place);
}

}  // namespace hearth::model
