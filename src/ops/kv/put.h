#pragma once
// Writing one token's numbers, for any type and any instruction set.
#include <cstddef>
#include <cstdint>

#include "tensor/half.h"

namespace hearth::ops::kv {

template <class Type>
HEARTH_ALWAYS_INLINE void put_key(const float* x, uint32_t dim, std::byte* tile, uint32_t token) {
  auto* tiles = reinterpret_cast<typename Type::KeyTile*>(tile);
  for (uint32_t i = 0; i < dim / Type::kValues; ++i) {
    typename Type::Block block;
    Type::encode(x + i * Type::kValues, block);
    Type::put(tiles[i], token, block);
  }
}

template <class Type>
HEARTH_ALWAYS_INLINE void put_value(const float* x, uint32_t dim, std::byte* row) {
  auto* blocks = reinterpret_cast<typename Type::Block*>(row);
  for (uint32_t i = 0; i < dim / Type::kValues; ++i) Type::encode(x + i * Type::kValues, blocks[i]);
}

}  // namespace hearth::ops::kv
