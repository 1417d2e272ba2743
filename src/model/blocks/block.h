#pragma once
// A block is one piece of layer mathematics with its weights: attention, a feed-forward, a convolution. Blocks know no
// architecture; what differs between models is in the option struct of the plan they were made from.
#include <memory>
#include <span>

#include "model/arch.h"
#include "model/model.h"
#include "model/scratch.h"
#include "model/weights.h"

namespace hearth::model {

// The rotation of a step's rows by one rope of the plan.
struct StepRope {
  ops::ConstMatrix angles;  // (rows, dims)
  bool interleaved;
};

// One step, as blocks see it.
struct StepRun {
  ops::Backend& backend;
  Scratch& scratch;
  const ops::Step& step;
  const StateView& state;
  std::span<const StepRope> ropes;  // one per rope of the plan
  float norm_eps;
};

class Block {
 public:
  virtual ~Block() = default;

  // out = block(norm(x)), or out += that. x and out: (step rows, width); out may be x: nothing is written to it before all of
  // x was read.
  virtual void forward(const StepRun& run, ops::ConstMatrix x, const ops::NormOptions& norm, ops::Matrix out,
                       bool accumulate) const = 0;

  // Adds this block's part of Model::weight_use.
  virtual void count_use(uint32_t rows, WeightUse& use) const = 0;
};

// A weight that every row is multiplied by.
inline void count_use(const ops::Weight& weight, WeightUse& use) {
  use.bytes += static_cast<double>(weight.bytes);
  use.layer_products += static_cast<double>(weight.rows) * weight.columns;
}

using BlockPtr = std::unique_ptr<Block>;

// What a layer's block needs to know of its place.
struct LayerPlace {
  uint32_t layer;
  uint32_t state;  // index into StateView's kv or slots, for blocks that keep state
  std::string tensor(std::string_view suffix) const { return fmt::format("blk.{}.{}", layer, suffix); }
};

// Each takes its tensors from `weights`; what went wrong with them tells weights.status().
BlockPtr make_block(const Attention& options, Weights& weights, const LayerPlace& place);
BlockPtr make_block(const ShortConv& options, Weights& weights, const LayerPlace& place);
BlockPtr make_block(const Dense& options, Weights& weights, const LayerPlace& place);
BlockPtr make_block(const Moe& options, Weights& weights, const LayerPlace& place);

}  // namespace hearth::model
