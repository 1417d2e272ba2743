#pragma once
// Q4_0 of quant/basic/q4_0.h.  value[i] = scale * (nibble[i] - 8)
#include "ops/kv/rounding.h"
#include "quant/basic/q4_0.h"

namespace hearth::ops::kv {

struct Q4_0 {
  static constexpr std::string_view kName = "q4_0";
  static constexpr uint32_t kValues = 32;
  static constexpr bool kScaled = true;
  using Codec = quant::Q4_0;
  using Block = Codec::Block;
  struct KeyTile {
    Fp16 scales[16];
    uint8_t nibbles[16][16];  // [value or value - 16][token]
  };
  struct ValueTile {
    Fp16 scales[16];
    uint8_t nibbles[16][16];  // [token][value or value - 16]
  };

  // The value of largest magnitude becomes -8, so that all sixteen codes are used.
  static HEARTH_ALWAYS_INLINE void encode(const float* x, Block& b) {
    b.scale = half_of(farthest(extremes(x)) / -8);
    const float inverse = inverse_of(b.scale);
    for (int i = 0; i < 16; ++i)
      b.nibbles[i] = static_cast<uint8_t>(nearest(x[i] * inverse, -8, 7) + 8 + 16 * (nearest(x[i + 16] * inverse, -8, 7) + 8));
  }
  static HEARTH_ALWAYS_INLINE void put(KeyTile& tile, uint32_t token, const Block& b) {
    tile.scales[token] = b.scale;
    for (int i = 0; i < 16; ++i) tile.nibbles[i][token] = b.nibbles[i];
  }
  static HEARTH_ALWAYS_INLINE void put(ValueTile& tile, uint32_t token, const Block& b) {
    tile.scales[token] = b.scale;
    for (int i = 0; i < 16; ++i) tile.nibbles[token][i] = b.nibbles[i];
  }
  static HEARTH_ALWAYS_INLINE Block get(const KeyTile& tile, uint32_t token) {
    Block b{.scale = tile.scales[token], .nibbles = {}};
    for (int i = 0; i < 16; ++i) b.nibbles[i] = tile.nibbles[i][token];
    return b;
  }
  static HEARTH_ALWAYS_INLINE Block get(const ValueTile& tile, uint32_t token) {
    Block b{.scale = tile.scales[token], .nibbles = {}};
    for (int i = 0; i < 16; ++i) b.nibbles[i] = tile.nibbles[token][i];
    return b;
  }

  // The low or high halves of sixteen bytes, less 8.
  template <class Simd>
  static HEARTH_ALWAYS_INLINE typename Simd::F codes(const uint8_t* nibbles, bool are_high) {
    const auto bytes = Simd::widen(nibbles);
    const auto stored = are_high ? Simd::template shift<-4>(bytes) : Simd::both(bytes, Simd::iset1(15));
    return Simd::to_float(Simd::isub(stored, Simd::iset1(8)));
  }
  template <class Simd>
  struct Keys {
    HEARTH_ALWAYS_INLINE explicit Keys(const KeyTile& tile) : tile_(&tile) {}
    HEARTH_ALWAYS_INLINE typename Simd::F at(uint32_t value) const {
      return codes<Simd>(tile_->nibbles[value % 16], value >= 16);
    }
    HEARTH_ALWAYS_INLINE typename Simd::F scales() const { return Simd::load(tile_->scales); }

   private:
    const KeyTile* tile_;
  };
  template <class Simd>
  struct Values {
    HEARTH_ALWAYS_INLINE explicit Values(const ValueTile& tile) : tile_(&tile) {}
    HEARTH_ALWAYS_INLINE typename Simd::F at(size_t token, uint32_t half) const {
      return codes<Simd>(tile_->nibbles[token], half != 0);
    }
    HEARTH_ALWAYS_INLINE typename Simd::F scales() const { return Simd::load(tile_->scales); }

   private:
    const ValueTile* tile_;
  };
};

}  // namespace hearth::ops::kv
