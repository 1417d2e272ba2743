#pragma once
// Activations of a step. Each purpose has one buffer, made once, grown to the largest step and kept.
#include <array>
#include <cstdint>
#include <vector>

#include "ops/backend.h"

namespace hearth::model {

enum class Purpose : uint8_t {
  kResidual,   // the stream that runs through all layers
  kNormed,     // a block's input, where several operations read it
  kProjected,  // qkv; the inside of a feed-forward; b, c and v of a convolution; router logits
  kMixed,      // attention's or the convolution's result, before its output matrix
  kBlockOut,   // a block's result where it cannot be added to the stream directly
  kAngles,
  kWanted,  // the rows whose logits are wanted
  kCount
};

class Scratch {
 public:
  explicit Scratch(ops::Backend& backend) : backend_(backend) {}

  // Valid until the same purpose is asked for again. Values are whatever was there.
  ops::Matrix matrix(Purpose purpose, uint32_t rows, uint32_t columns);
  std::span<ops::Route> routes(size_t count);

 private:
  ops::Backend& backend_;
  std::array<Buffer, static_cast<size_t>(Purpose::kCount)> buffers_;
  std::vector<ops::Route> routes_;
};

}  // namespace hearth::model
