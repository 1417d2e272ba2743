#pragma once
// Q8_0 of quant/basic/q8_0.h.  value[i] = scale * code[i]
#include "ops/kv/rounding.h"
#include "quant/basic/q8_0.h"

namespace hearth::ops::kv {

struct Q8_0 {
  static constexpr std::string_view kName = "q8_0";
  static constexpr uint32_t kValues = 32;
  static constexpr bool kScaled = true;
  using Codec = quant::Q8_0;
  using Block = Codec::Block;
  struct KeyTile {
    Fp16 scales[16];
    int8_t codes[32][16];
  };
  struct ValueTile {
    Fp16 scales[16];
    int8_t codes[16][32];
  };

  static HEARTH_ALWAYS_INLINE void encode(const float* x, Block& b) {
    b.scale = half_of(largest_magnitude(x) / 127);
    const float inverse = inverse_of(b.scale);
    for (int i = 0; i < 32; ++i) b.codes[i] = static_cast<int8_t>(nearest(x[i] * inverse, -127, 127));
  }
  static HEARTH_ALWAYS_INLINE void put(KeyTile& tile, uint32_t token, const Block& b) {
    tile.scales[token] = b.scale;
    for (int i = 0; i < 32; ++i) tile.codes[i][token] = b.codes[i];
  }
  static HEARTH_ALWAYS_INLINE void put(ValueTile& tile, uint32_t token, const Block& b) {
    tile.scales[token] = b.scale;
    for (int i = 0; i < 32; ++i) tile.codes[token][i] = b.codes[i];
  }
  static HEARTH_ALWAYS_INLINE Block get(const KeyTile& tile, uint32_t token) {
    Block b{.scale = tile.scales[token], .codes = {}};
    for (int i = 0; i < 32; ++i) b.codes[i] = tile.codes[i][token];
    return b;
  }
  static HEARTH_ALWAYS_INLINE Block get(const ValueTile& tile, uint32_t token) {
    Block b{.scale = tile.scales[token], .codes = {}};
    for (int i = 0; i < 32; ++i) b.codes[i] = tile.codes[token][i];
    return b;
  }

  template <class Simd>
  struct Keys {
    HEARTH_ALWAYS_INLINE explicit Keys(const KeyTile& tile) : tile_(&tile) {}
    HEARTH_ALWAYS_INLINE typename Simd::F at(uint32_t value) const { return Simd::to_float(Simd::widen(tile_->codes[value])); }
    HEARTH_ALWAYS_INLINE typename Simd::F scales() const { return Simd::load(tile_->scales); }

   private:
    const KeyTile* tile_;
  };
  template <class Simd>
  struct Values {
    HEARTH_ALWAYS_INLINE explicit Values(const ValueTile& tile) : tile_(&tile) {}
    HEARTH_ALWAYS_INLINE typename Simd::F at(size_t token, uint32_t half) const {
      return Simd::to_float(Simd::widen(tile_->codes[token] + 16 * half));
    }
    HEARTH_ALWAYS_INLINE typename Simd::F scales() const { return Simd::load(tile_->scales); }

   private:
    const ValueTile* tile_;
  };
};

}  // namespace hearth::ops::kv
