#pragma once
// Q5_1 of quant/basic/q5_1.h.  value[i] = scale * code[i] + offset, codes of five bits
#include "ops/kv/rounding.h"
#include "quant/basic/q5_1.h"

namespace hearth::ops::kv {

struct Q5_1 {
  static constexpr std::string_view kName = "q5_1";
  static constexpr uint32_t kValues = 32;
  static constexpr bool kScaled = false;  // codes without their offset are all positive: sums of them would cancel
  using Codec = quant::Q5_1;
  using Block = Codec::Block;
  struct KeyTile {
    Fp16 scales[16], offsets[16];
    uint16_t high[32];        // [value]: bit t is the fifth bit of token t
    uint8_t nibbles[16][16];  // [value or value - 16][token]
  };
  struct ValueTile {
    Fp16 scales[16], offsets[16];
    uint16_t high[16][2];     // [token]: bit i is the fifth bit of value i
    uint8_t nibbles[16][16];  // [token][value or value - 16]
  };

  static HEARTH_ALWAYS_INLINE void encode(const float* x, Block& b) {
    const Extremes e = extremes(x);
    b.offset = half_of(e.least);
    b.scale = half_of(e.most / 31 - e.least / 31);  // the difference itself may be too large for f32
    const float inverse = inverse_of(b.scale), least = b.offset;
    uint32_t high = 0;
    int codes[32];
    for (int i = 0; i < 32; ++i) codes[i] = nearest((x[i] - least) * inverse, 0, 31);
    for (int i = 0; i < 32; ++i) high |= static_cast<uint32_t>(codes[i] >> 4) << i;
    for (int i = 0; i < 4; ++i) b.high[i] = static_cast<uint8_t>(high >> 8 * i);
    for (int i = 0; i < 16; ++i) b.nibbles[i] = static_cast<uint8_t>((codes[i] & 15) | (codes[i + 16] & 15) << 4);
  }
  static HEARTH_ALWAYS_INLINE void put(KeyTile& tile, uint32_t token, const Block& b) {
    tile.scales[token] = b.scale;
    tile.offsets[token] = b.offset;
    for (int i = 0; i < 32; ++i) {
      const int bit = b.high[i / 8] >> i % 8 & 1;
      tile.high[i] = static_cast<uint16_t>((tile.high[i] & ~(1 << token)) | bit << token);
    }
    for (int i = 0; i < 16; ++i) tile.nibbles[i][token] = b.nibbles[i];
  }
  static HEARTH_ALWAYS_INLINE void put(ValueTile& tile, uint32_t token, const Block& b) {
    tile.scales[token] = b.scale;
    tile.offsets[token] = b.offset;
    for (int i = 0; i < 2; ++i) tile.high[token][i] = static_cast<uint16_t>(b.high[2 * i] | b.high[2 * i + 1] << 8);
    for (int i = 0; i < 16; ++i) tile.nibbles[token][i] = b.nibbles[i];
  }
  static HEARTH_ALWAYS_INLINE Block get(const KeyTile& tile, uint32_t token) {
    Block b{.scale = tile.scales[token], .offset = tile.offsets[token], .high = {}, .nibbles = {}};
    for (int i = 0; i < 32; ++i) b.high[i / 8] |= static_cast<uint8_t>((tile.high[i] >> token & 1) << i % 8);
    for (int i = 0; i < 16; ++i) b.nibbles[i] = tile.nibbles[i][token];
    return b;
  }
  static HEARTH_ALWAYS_INLINE Block get(const ValueTile& tile, uint32_t token) {
    Block b{.scale = tile.scales[token], .offset = tile.offsets[token], .high = {}, .nibbles = {}};
    for (int i = 0; i < 4; ++i) b.high[i] = static_cast<uint8_t>(tile.high[token][i / 2] >> 8 * (i % 2));
    for (int i = 0; i < 16; ++i) b.nibbles[i] = tile.nibbles[token][i];
    return b;
  }

  template <class Simd>
  static HEARTH_ALWAYS_INLINE typename Simd::F codes(const uint8_t* nibbles, bool are_high, uint32_t fifth_bits) {
    const auto bytes = Simd::widen(nibbles);
    const auto low = are_high ? Simd::template shift<-4>(bytes) : Simd::both(bytes, Simd::iset1(15));
    return Simd::to_float(Simd::either(low, Simd::where(fifth_bits, 16)));
  }
  template <class Simd>
  struct Keys {
    HEARTH_ALWAYS_INLINE explicit Keys(const KeyTile& tile)
        : tile_(&tile), scales_(Simd::load(tile.scales)), offsets_(Simd::load(tile.offsets)) {}
    HEARTH_ALWAYS_INLINE typename Simd::F at(uint32_t value) const {
      return Simd::add(Simd::mul(scales_, codes<Simd>(tile_->nibbles[value % 16], value >= 16, tile_->high[value])), offsets_);
    }

   private:
    const KeyTile* tile_;
    typename Simd::F scales_, offsets_;
  };
  template <class Simd>
  struct Values {
    HEARTH_ALWAYS_INLINE explicit Values(const ValueTile& tile) : tile_(&tile) {
      Simd::store(scales_, Simd::load(tile.scales));
      Simd::store(offsets_, Simd::load(tile.offsets));
    }
    HEARTH_ALWAYS_INLINE typename Simd::F at(size_t token, uint32_t half) const {
      const auto numbers = codes<Simd>(tile_->nibbles[token], half != 0, tile_->high[token][half]);
      return Simd::add(Simd::mul(Simd::set1(scales_[token]), numbers), Simd::set1(offsets_[token]));
    }

   private:
    const ValueTile* tile_;
    float scales_[16], offsets_[16];
  };
};

}  // namespace hearth::ops::kv
