#pragma once
// Writing one token's numbers, for any type and any instruction set.
#include <cstddef>
#include <cstdint>

#include "tensor/half.h"

namespace hearth::ops::kv {

// The tile's token `token` becomes x, `dim` numbers.
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
HEARTH_ALWAYS_INLINE void put_value(const float* x, uint32_t dim, std::byte* tile, uint32_t token) {
  if constexpr (Type::kValues == 1) {
    auto* row = reinterpret_cast<typename Type::Block*>(tile) + size_t{token} * dim;
    for (uint32_t i = 0; i < dim; ++i) Type::encode(x + i, row[i]);
  } else {
    auto* tiles = reinterpret_cast<typename Type::ValueTile*>(tile);
    for (uint32_t i = 0; i < dim / Type::kValues; ++i) {
      typename Type::Block block;
      Type::encode(x + i * Type::kValues, block);
      Type::put(tiles[i], token, block);
    }
  }
}

}  // namespace hearth::ops::kv
