#pragma once
// How numbers of the KV cache are stored: one struct per type in this folder, listed in kv_types.def; everything else reads the
// list through KvFormat, the kernels expand it. A struct says
//   kName; kValues, the numbers along the head dimension that form a block (1 or 32); Block, their bytes
//   encode(x, block)                          how a running model rounds; no search
//   KeyTile, put(tile, token, block), get     the blocks of sixteen tokens, interleaved field by field, the token innermost
//   Keys<Simd>(tile).at(i)                    value i of the block, of sixteen tokens at once
// A type of single numbers has decode(block, x), and values lie in rows, token after token. A type of blocks names the Codec of
// quant whose blocks they are, and values lie in tiles of sixteen tokens too, the value innermost:
//   ValueTile, put, get; Values<Simd>(tile).at(token, half)    values 16 half and following of one token
// If kScaled, what at() gives is still to be multiplied with the tokens' scales(): once per block instead of once per number.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::ops {

enum class KvType : uint8_t {
#define HEARTH_KV_TYPE(name) k##name,
#include "ops/kv/kv_types.def"
#undef HEARTH_KV_TYPE
};

// Tokens that lie together.
constexpr uint32_t kKvTile = 16;

struct KvFormat {
  std::string_view name;  // "q8_0": as users write it
  uint32_t block_values, block_bytes;

  // One token's numbers of one head, `dim` of them, a multiple of block_values. `tile` holds fifteen other tokens, which must
  // not be written at the same time.
  void (*put_key)(const float* x, uint32_t dim, std::byte* tile, uint32_t token);
  void (*get_key)(const std::byte* tile, uint32_t dim, uint32_t token, float* x);
  void (*put_value)(const float* x, uint32_t dim, std::byte* tile, uint32_t token);
  void (*get_value)(const std::byte* tile, uint32_t dim, uint32_t token, float* x);
};

std::span<const KvFormat> kv_formats();          // [KvType]
const KvFormat& kv_format(KvType type);
std::vector<std::string_view> kv_type_names();   // in list order
Result<KvType> find_kv_type(std::string_view name);  // kConfig: names those that are known

inline size_t kv_row_bytes(KvType type, uint32_t dim) {  // of one token and one head
  const KvFormat& format = kv_format(type);
  return size_t{dim} / format.block_values * format.block_bytes;
}
inline double kv_value_bytes(KvType type) {  // of one number
  return static_cast<double>(kv_format(type).block_bytes) / kv_format(type).block_values;
}

}  // namespace hearth::ops
