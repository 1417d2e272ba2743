#include "engine/cache/recurrent_pool.h"

#include <algorithm>

namespace hearth::engine {

static constexpr size_t kAlignedFloats = 16;  // 64 bytes
static size_t aligned(size_t floats) { return (floats + kAlignedFloats - 1) / kAlignedFloats * kAlignedFloats; }

uint64_t RecurrentPool::bytes_per_slot(const model::StateShape& shape) {
  uint64_t floats = 0;
  for (const auto& spec : shape.slots) floats += aligned(spec.floats);
  return floats * sizeof(float);
}

RecurrentPool::RecurrentPool(const model::StateShape& shape, uint32_t slots, ops::Backend& backend)
    : stride_(bytes_per_slot(shape) / sizeof(float)) {
  if (stride_ == 0) return;
  memory_ = backend.allocate(size_t{slots} * stride_ * sizeof(float));
  size_t offset = 0;
  for (const auto& spec : shape.slots) {
    layers_.push_back({.first_slot = memory_.as<float>() + offset, .slot_stride = stride_, .floats = spec.floats});
    offset += aligned(spec.floats);
  }
}

void RecurrentPool::clear(uint32_t slot) {
  for (const ops::SlotLayer& layer : layers_) std::fill_n(layer.slot(slot), layer.floats, 0.0f);
}

std::span<std::byte> RecurrentPool::slot(uint32_t slot) {
  const size_t bytes = stride_ * sizeof(float);
  return {memory_.bytes() + slot * bytes, bytes};
}

void RecurrentPool::copy(uint32_t from, uint32_t to) { std::ranges::copy(slot(from), slot(to).begin()); }

}  // namespace hearth::engine
