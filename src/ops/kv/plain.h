#pragma once
// KV types whose blocks are single numbers.
#include <string_view>

#include "tensor/fp8.h"
#include "tensor/half.h"

namespace hearth::ops::kv {

struct Float {
  float value;
  HEARTH_ALWAYS_INLINE operator float() const { return value; }
  static HEARTH_ALWAYS_INLINE Float from(float x) { return {x}; }
};

template <class Number>
struct Plain {
  static constexpr uint32_t kValues = 1;
  static constexpr bool kScaled = false;
  using Block = Number;
  struct KeyTile {
    Number numbers[16];
  };

  static HEARTH_ALWAYS_INLINE void encode(const float* x, Block& b) { b = Number::from(*x); }
  static HEARTH_ALWAYS_INLINE void decode(const Block& b, float* x) { *x = b; }
  static HEARTH_ALWAYS_INLINE void put(KeyTile& tile, uint32_t token, const Block& b) { tile.numbers[token] = b; }
  static HEARTH_ALWAYS_INLINE Block get(const KeyTile& tile, uint32_t token) { return tile.numbers[token]; }

  template <class Simd>
  static HEARTH_ALWAYS_INLINE typename Simd::F load(const Number* numbers) {
    if constexpr (sizeof(Number) == 4) return Simd::load(&numbers->value);
    else return Simd::load(numbers);
  }
  template <class Simd>
  struct Keys {
    HEARTH_ALWAYS_INLINE explicit Keys(const KeyTile& tile) : tile_(&tile) {}
    HEARTH_ALWAYS_INLINE typename Simd::F at(uint32_t /*value*/) const { return load<Simd>(tile_->numbers); }

   private:
    const KeyTile* tile_;
  };
};

struct F32 : Plain<Float> {
  static constexpr std::string_view kName = "f32";
};
struct F16 : Plain<Fp16> {
  static constexpr std::string_view kName = "f16";
};
struct Bf16 : Plain<hearth::Bf16> {
  static constexpr std::string_view kName = "bf16";
};
struct Fp8E4m3 : Plain<Fp8E4M3> {
  static constexpr std::string_view kName = "fp8-e4m3";
};

}  // namespace hearth::ops::kv
