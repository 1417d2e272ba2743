// Gated feed-forward: down · (activation(gate · x) * (up · x)), gate and up in one product.
#include "model/blocks/block.h"

namespace hearth::model {

namespace {

class MlpBlock final : public Block {
 public:
  MlpBlock(const Dense& options, Weights& weights, const LayerPlace& place) : options_(options) {
    const uint32_t width = weights.plan().width, hidden = options.hidden;
    const auto parts = [&](std::string_view kind) {
      return std::vector<Weights::Part>{{place.tensor(fmt::format("ffn_gate.{}", kind)), hidden},
                                        {place.tensor(fmt::format("ffn_up.{}", kind)), hidden}};
    };
    // Where gate and up are one tensor (Phi-3), its name is ffn_up and gate's rows come first.
    gate_up_ = weights.fused_or_stacked(place.tensor("ffn_up.weight"), parts("weight"), width);
    down_ = weights.matrix(place.tensor("ffn_down.weight"), width, hidden);
    if (!options.bias) return;
    gate_up_bias_ = weights.fused_or_joined(place.tensor("ffn_up.bias"), parts("bias"));
    down_bias_ = weights.vector(place.tensor("ffn_down.bias"), width);
  }

  void forward(const StepRun& run, ops::ConstMatrix x, const ops::NormOptions& norm, ops::Matrix out,
               bool accumulate) const override {
    const ops::Matrix inner = run.scratch.matrix(Purpose::kProjected, x.rows, options_.hidden);
    run.backend.matmul(*gate_up_, x, inner, {.norm = &norm, .bias = gate_up_bias_.values(), .gated = options_.activation});
    run.backend.matmul(*down_, inner, out, {.bias = down_bias_.values(), .accumulate = accumulate});
  }

  void count_use(uint32_t /*rows*/, WeightUse& use) const override {
    model::count_use(*gate_up_, use);
    model::count_use(*down_, use);
  }

 private:
  Dense options_;
  WeightPtr gate_up_, down_;
  Vector gate_up_bias_, down_bias_;
};

}  // namespace

BlockPtr make_block(const Dense& options, Weights& weights, const LayerPlace& place) {
  return std::make_unique<MlpBlock>(options, weights, place);
}

}  // namespace hearth::model
