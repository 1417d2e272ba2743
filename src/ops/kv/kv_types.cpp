#include "ops/kv/kv_types.h"

#include <fmt/ranges.h>

#include "ops/kv/all.h"
#include "quant/codecs.h"

namespace hearth::ops {

namespace {

template <class Type>
void decode(const typename Type::Block& block, float* x) {
  if constexpr (requires { typename Type::Codec; }) quant::decode_group<typename Type::Codec>(block, 0, x);
  else Type::decode(block, x);
}

template <class Type>
void get_key(const std::byte* tile, uint32_t dim, uint32_t token, float* x) {
  const auto* tiles = reinterpret_cast<const typename Type::KeyTile*>(tile);
  for (uint32_t i = 0; i < dim / Type::kValues; ++i) decode<Type>(Type::get(tiles[i], token), x + i * Type::kValues);
}

template <class Type>
void get_value(const std::byte* tile, uint32_t dim, uint32_t token, float* x) {
  if constexpr (Type::kValues == 1) {
    const auto* row = reinterpret_cast<const typename Type::Block*>(tile) + size_t{token} * dim;
    for (uint32_t i = 0; i < dim; ++i) decode<Type>(row[i], x + i);
  } else {
    const auto* tiles = reinterpret_cast<const typename Type::ValueTile*>(tile);
    static_assert(sizeof *tiles == kKvTile * sizeof(typename Type::Block), "a tile is its blocks");
    for (uint32_t i = 0; i < dim / Type::kValues; ++i) decode<Type>(Type::get(tiles[i], token), x + i * Type::kValues);
  }
}

template <class Type>
constexpr KvFormat facts() {
  static_assert(sizeof(typename Type::KeyTile) == kKvTile * sizeof(typename Type::Block), "a tile is its blocks");
  return {.name = Type::kName, .block_values = Type::kValues, .block_bytes = sizeof(typename Type::Block),
          .put_key = &kv::put_key<Type>, .get_key = &get_key<Type>, .put_value = &kv::put_value<Type>,
          .get_value = &get_value<Type>};
}

constexpr KvFormat kFormats[] = {
#define HEARTH_KV_TYPE(name) facts<kv::name>(),
#include "ops/kv/kv_types.def"
#undef HEARTH_KV_TYPE
};

}  // namespace

std::span<const KvFormat> kv_formats() { return kFormats; }
const KvFormat& kv_format(KvType type) { return kFormats[static_cast<size_t>(type)]; }

std::vector<std::string_view> kv_type_names() {
  std::vector<std::string_view> names;
  for (const KvFormat& format : kFormats) names.push_back(format.name);
  return names;
}

Result<KvType> find_kv_type(std::string_view name) {
  for (size_t i = 0; i < std::size(kFormats); ++i)
    if (kFormats[i].name == name) return static_cast<KvType>(i);
  return fail(ErrorCode::kConfig, "unknown KV type {}; known are {}", name, fmt::join(kv_type_names(), ", "));
}

}  // namespace hearth::ops
