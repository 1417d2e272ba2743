// LFM2's operator: x is projected to b, c and v; out · (c * conv(b * v)), the convolution over the last few tokens.
#include "model/blocks/block.h"

namespace hearth::model {

namespace {

class ShortConvBlock final : public Block {
 public:
  ShortConvBlock(const ShortConv& options, Weights& weights, const LayerPlace& place)
      : options_(options), slot_(place.state), width_(weights.plan().width) {
    input_ = weights.matrix(place.tensor("shortconv.in_proj.weight"), 3 * uint64_t{width_}, width_);
    output_ = weights.matrix(place.tensor("shortconv.out_proj.weight"), width_, width_);
    kernel_ = weights.vector(place.tensor("shortconv.conv.weight"), uint64_t{width_} * options.taps);
    if (!options.bias) return;
    input_bias_ = weights.vector(place.tensor("shortconv.in_proj.bias"), 3 * uint64_t{width_});
    output_bias_ = weights.vector(place.tensor("shortconv.out_proj.bias"), width_);
    kernel_bias_ = weights.vector(place.tensor("shortconv.conv.bias"), width_);
  }

  void forward(const StepRun& run, ops::ConstMatrix x, const ops::NormOptions& norm, ops::Matrix out,
               bool accumulate) const override {
    const ops::Matrix projected = run.scratch.matrix(Purpose::kProjected, x.rows, 3 * width_);
    run.backend.matmul(*input_, x, projected, {.norm = &norm, .bias = input_bias_.values()});
    const ops::Matrix mixed = run.scratch.matrix(Purpose::kMixed, x.rows, width_);
    run.backend.short_conv(projected, kernel_.values(), kernel_bias_.values(), options_.taps, run.state.slots[slot_],
                           run.step, mixed);
    run.backend.matmul(*output_, mixed, out, {.bias = output_bias_.values(), .accumulate = accumulate});
  }

  void count_use(uint32_t /*rows*/, WeightUse& use) const override {
    model::count_use(*input_, use);
    model::count_use(*output_, use);
  }

 private:
  ShortConv options_;
  uint32_t slot_;  // index into StateView::slots
  uint32_t width_;
  WeightPtr input_, output_;
  Vector kernel_, input_bias_, output_bias_, kernel_bias_;
};

}  // namespace

BlockPtr make_block(const ShortConv& options, Weights& weights, const LayerPlace& place) {
  return std::make_unique<ShortConvBlock>(options, weights, place);
}

}  // namespace hearth::model
