#pragma once
// Q8_0 of quant/basic/q8_0.h.  value[i] = scale * code[i]
#include "ops/kv/rounding.h"
#include "quant/basic/q8_0.h"

namespace hearth::ops::kv {

struct Q8_0 {
  static constexpr std::string_view kName = "q8_0";
  static constexpr uint32_t kValues = 32;
  using Codec = quant::Q8_0;
  using Block = Codec::Block;
  struct KeyTile {
    Fp16 scales[16];
    int8_t codes[32][16];
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
  static HEARTH_ALWAYS_INLINE Block get(const KeyTile& tile, uint32_t token) {
    Block b{.scale = tile.scales[token], .codes = {}};
    for (int i = 0; i < 32; ++i) b.codes[i] = tile.codes[i][token];
    return b;
  }

  template <class Simd>
  struct Keys {
    HEARTH_ALWAYS_INLINE explicit Keys(const KeyTile& tile) : codes_(tile.codes), scales_(Simd::load(tile.scales)) {}
    HEARTH_ALWAYS_INLINE typename Simd::F at(uint32_t value) const {
      return Simd::mul(scales_, Simd::to_float(Simd::widen(codes_[value])));
    }

   private:
    const int8_t (*codes_)[16];
    typename Simd::F scales_;
  };
  template <class Simd>
  static HEARTH_ALWAYS_INLINE typename Simd::F values(const Block* row, uint32_t sixteenth) {
    const Block& b = row[sixteenth / 2];
    return Simd::mul(Simd::broadcast(b.scale), Simd::to_float(Simd::widen(b.codes + sixteenth % 2 * 16)));
  }
};

}  // namespace hearth::ops::kv
