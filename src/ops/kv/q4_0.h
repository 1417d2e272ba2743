#pragma once
// Q4_0 of quant/basic/q4_0.h.  value[i] = scale * (nibble[i] - 8)
#include "ops/kv/rounding.h"
#include "quant/basic/q4_0.h"

namespace hearth::ops::kv {

struct Q4_0 {
  static constexpr std::string_view kName = "q4_0";
  static constexpr uint32_t kValues = 32;
  using Codec = quant::Q4_0;
  using Block = Codec::Block;
  struct KeyTile {
    Fp16 scales[16];
    uint8_t nibbles[16][16];  // [value or value - 16][token]
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
  static HEARTH_ALWAYS_INLINE Block get(const KeyTile& tile, uint32_t token) {
    Block b{.scale = tile.scales[token], .nibbles = {}};
    for (int i = 0; i < 16; ++i) b.nibbles[i] = tile.nibbles[i][token];
    return b;
  }

  // value: nibbles' low or high halves less 8, times scale.
  template <class Simd>
  static HEARTH_ALWAYS_INLINE typename Simd::F scaled(const uint8_t* nibbles, bool are_high, typename Simd::F scale) {
    const auto bytes = Simd::widen(nibbles);
    const auto codes = are_high ? Simd::template shift<-4>(bytes) : Simd::both(bytes, Simd::iset1(15));
    return Simd::mul(scale, Simd::to_float(Simd::isub(codes, Simd::iset1(8))));
  }
  template <class Simd>
  struct Keys {
    HEARTH_ALWAYS_INLINE explicit Keys(const KeyTile& tile) : nibbles_(tile.nibbles), scales_(Simd::load(tile.scales)) {}
    HEARTH_ALWAYS_INLINE typename Simd::F at(uint32_t value) const {
      return scaled<Simd>(nibbles_[value % 16], value >= 16, scales_);
    }

   private:
    const uint8_t (*nibbles_)[16];
    typename Simd::F scales_;
  };
  template <class Simd>
  static HEARTH_ALWAYS_INLINE typename Simd::F values(const Block* row, uint32_t sixteenth) {
    const Block& b = row[sixteenth / 2];
    return scaled<Simd>(b.nibbles, sixteenth % 2 != 0, Simd::broadcast(b.scale));
  }
};

}  // namespace hearth::ops::kv
