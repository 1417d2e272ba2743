// Loads a model and runs steps through it.
#include "model/model.h"

#include <algorithm>

#include "checkpoint/extents.h"
#include "model/blocks/head.h"
#include "model/blocks/rope.h"

namespace hearth::model {

namespace {

// x += post(block(norm(x))); post only in sandwich layers.
struct Stage {
  Vector norm, post_norm;
  BlockPtr block;

  void forward(const StepRun& run, ops::Matrix x) const {
    const ops::NormOptions before{.weight = norm.values(), .eps = run.norm_eps};
    if (post_norm.empty()) return block->forward(run, x, before, x, /*accumulate=*/true);
    const ops::Matrix out = run.scratch.matrix(Purpose::kBlockOut, x.rows, x.columns);
    block->forward(run, x, before, out, /*accumulate=*/false);
    run.backend.norm(out, x, {.weight = post_norm.values(), .eps = run.norm_eps, .accumulate = true});
  }
};

struct LoadedLayer {
  Stage mixer, ffn;
};

LoadedLayer load_layer(const Layer& layer, Weights& weights, const LayerPlace& place) {
  const uint32_t width = weights.plan().width;
  LoadedLayer loaded;
  loaded.mixer.norm = weights.norm(place.tensor("attn_norm.weight"), width);
  loaded.mixer.block =
      std::visit([&](const auto& options) { return make_block(options, weights, place); }, layer.mixer);
  loaded.ffn.norm = weights.norm(place.tensor("ffn_norm.weight"), width);
  loaded.ffn.block = std::visit([&](const auto& options) { return make_block(options, weights, place); }, layer.ffn);
  if (layer.sandwich) {
    loaded.mixer.post_norm = weights.norm(place.tensor("post_attention_norm.weight"), width);
    loaded.ffn.post_norm = weights.norm(place.tensor("post_ffw_norm.weight"), width);
  }
  return loaded;
}

class LoadedModel final : public Model {
 public:
  LoadedModel(ModelPlan plan, ops::Backend& backend)
      : plan_(std::move(plan)), state_shape_(state_shape_of(plan_)), backend_(backend), scratch_(backend) {}

  Result<void> take(Weights& weights) {
    embedding_.emplace(weights);
    head_.emplace(weights);
    uint32_t kv = 0, slots = 0;
    for (uint32_t i = 0; i < plan_.layers.size(); ++i) {
      HEARTH_TRY_VOID(weights.status());
      const Layer& layer = plan_.layers[i];
      const uint32_t state = std::holds_alternative<Attention>(layer.mixer) ? kv++ : slots++;
      layers_.push_back(load_layer(layer, weights, {.layer = i, .state = state}));
    }
    weight_bytes_ = weights.resident_bytes();
    return weights.status();
  }

  const ModelPlan& plan() const override { return plan_; }
  const StateShape& state_shape() const override { return state_shape_; }
  uint64_t weight_bytes() const override { return weight_bytes_; }

  WeightUse weight_use(uint32_t rows) const override {
    WeightUse use;
    for (const LoadedLayer& layer : layers_) {
      layer.mixer.block->count_use(rows, use);
      layer.ffn.block->count_use(rows, use);
    }
    const ops::Weight& head = head_->weight(*embedding_);
    use.bytes += static_cast<double>(head.bytes);
    use.head_products = static_cast<double>(head.rows) * head.columns;
    return use;
  }

  void forward(const ops::Step& step, const StateView& state, ops::Matrix logits) override {
    const ops::Matrix x = embedding_->forward(backend_, scratch_, step);
    prepare_ropes(step);
    const StepRun run{backend_, scratch_, step, state, ropes_, plan_.norm_eps};
    int32_t number = 0;
    for (const LoadedLayer& layer : layers_) {
      const Trace::Span span(backend_.trace(), {.name = "layer", .number = number++});
      layer.mixer.forward(run, x);
      layer.ffn.forward(run, x);
    }
    head_->forward(run, *embedding_, x, logits);
  }

 private:
  // The angles of all ropes side by side in one buffer.
  void prepare_ropes(const ops::Step& step) {
    uint32_t columns = 0;
    for (const Rope& rope : plan_.ropes) columns += rope.dims();
    const ops::Matrix all = scratch_.matrix(Purpose::kAngles, step.rows(), columns);
    ropes_.clear();
    uint32_t first = 0;
    for (const Rope& rope : plan_.ropes) {
      const ops::Matrix angles = all.slice(first, rope.dims());
      fill_angles(rope, step.positions, angles);
      ropes_.push_back({angles, rope.interleaved});
      first += rope.dims();
    }
  }

  ModelPlan plan_;
  StateShape state_shape_;
  ops::Backend& backend_;
  Scratch scratch_;
  std::vector<StepRope> ropes_;  // of the step that runs
  std::optional<Embedding> embedding_;
  std::optional<Head> head_;
  std::vector<LoadedLayer> layers_;
  uint64_t weight_bytes_ = 0;
};

}  // namespace

// Hugging Face folders say in their config how their weights were quantized; the tensors then have names and shapes of
// their own, and missing ones would be a poor explanation.
static Result<void> refuse_quantized_folder(const Metadata& meta) {
  const std::string method = meta.text_or("hearth.quantization", "");
  if (method.empty()) return {};
  return fail(ErrorCode::kUnsupported,
              "the weights are quantized with {}, which this build cannot read; get the model in bf16 or f16, or as GGUF",
              checkpoint::printable(method));
}

Result<std::unique_ptr<Model>> load(const checkpoint::Checkpoint& files, ops::Backend& backend,
                                    const LoadOptions& options) {
  HEARTH_TRY_VOID(refuse_quantized_folder(files.metadata()));
  HEARTH_TRY(plan, read_plan(files, options.context));
  auto model = std::make_unique<LoadedModel>(std::move(plan), backend);
  Weights weights(files, backend, model->plan());
  HEARTH_TRY_VOID(model->take(weights));
  HEARTH_TRY_VOID(weights.finish(options.progress, options.kept));
  weights.report_unused();
  return model;
}

Result<uint64_t> weight_bytes(const checkpoint::Checkpoint& files, ops::Backend& backend, uint32_t context) {
  HEARTH_TRY(plan, read_plan(files, context));
  LoadedModel model(std::move(plan), backend);
  Weights weights(files, backend, model.plan(), Weights::Reading::kHeadersOnly);
  HEARTH_TRY_VOID(model.take(weights));
  return model.weight_bytes();
}

}  // namespace hearth::model
