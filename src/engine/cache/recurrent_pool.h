#pragma once
// The memory of recurrent states: one slot per running sequence and some for copies, a slot holding all recurrent layers.
// The scheduler numbers the slots; whoever starts a sequence in one clears it first.
#include <cstdint>
#include <span>
#include <vector>

#include "model/model.h"
#include "ops/backend.h"
#include "tensor/buffer.h"

namespace hearth::engine {

class RecurrentPool {
 public:
  // `backend` memory must be addressable by this process.
  RecurrentPool(const model::StateShape& shape, uint32_t slots, ops::Backend& backend);

  std::span<const ops::SlotLayer> layers() const { return layers_; }  // as StateShape::slots
  uint64_t bytes() const { return memory_.size(); }
  static uint64_t bytes_per_slot(const model::StateShape& shape);
  void clear(uint32_t slot);
  void copy(uint32_t from, uint32_t to);
  std::span<std::byte> slot(uint32_t slot);  // all layers; never looked into

 private:
  std::vector<ops::SlotLayer> layers_;
  size_t stride_ = 0;  // floats
  Buffer memory_;
};

}  // namespace hearth::engine
