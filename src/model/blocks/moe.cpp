// Mixture of experts: a router scores all experts for each row, the best few run, their results are summed by weight.
#include <cmath>

#include "model/blocks/block.h"

namespace hearth::model {

namespace {

class MoeBlock final : public Block {
 public:
  MoeBlock(const Moe& options, Weights& weights, const LayerPlace& place) : options_(options) {
    const uint32_t width = weights.plan().width, hidden = options.hidden;
    router_ = weights.matrix(place.tensor("ffn_gate_inp.weight"), options.experts, width);
    const Weights::Part gate_up[] = {{place.tensor("ffn_gate_exps.weight"), hidden},
                                     {place.tensor("ffn_up_exps.weight"), hidden}};
    const Weights::Part down[] = {{place.tensor("ffn_down_exps.weight"), width}};
    gate_up_ = weights.experts(place.tensor("ffn_gate_up_exps.weight"), gate_up, options.experts, width);
    down_ = weights.experts({}, down, options.experts, hidden);
    for (size_t i = 0; i < gate_up_.size() && i < down_.size(); ++i)
      experts_.push_back({.gate_up = gate_up_[i].get(), .down = down_[i].get()});
  }

  void forward(const StepRun& run, ops::ConstMatrix x, const ops::NormOptions& norm, ops::Matrix out,
               bool accumulate) const override {
    const ops::Matrix normed = run.scratch.matrix(Purpose::kNormed, x.rows, x.columns);
    run.backend.norm(x, normed, norm);
    const ops::Matrix logits = run.scratch.matrix(Purpose::kProjected, x.rows, options_.experts);
    run.backend.matmul(*router_, normed, logits, {});
    const std::span<ops::Route> routes = run.scratch.routes(size_t{x.rows} * options_.router.active);
    run.backend.route(logits, routes, options_.router);
    run.backend.experts(normed, experts_, routes, out,
                        {.active = options_.router.active, .activation = options_.activation, .accumulate = accumulate});
  }

  void count_use(uint32_t rows, WeightUse& use) const override {
    model::count_use(*router_, use);
    WeightUse all;
    for (const ops::Expert& expert : experts_) {
      model::count_use(*expert.gate_up, all);
      model::count_use(*expert.down, all);
    }
    const double share = static_cast<double>(options_.router.active) / options_.experts;
    use.bytes += all.bytes * (1 - std::pow(1 - share, rows));
    use.layer_products += all.layer_products * share;
  }

 private:
  Moe options_;
  WeightPtr router_;
  std::vector<WeightPtr> gate_up_, down_;
  std::vector<ops::Expert> experts_;
};

}  // namespace

BlockPtr make_block(const Moe& options, Weights& weights, const LayerPlace& place) {
  return std::make_unique<MoeBlock>(options, weights, place);
}

}  // namespace hearth::model
