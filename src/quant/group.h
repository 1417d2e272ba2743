#pragma once
// What a block of quantized weights says, exactly: small integers, and per group of them an affine map with integer
// factors. A format's `unpack` gives one group of a block in these terms; the decoder, the packers and the tests derive
// from it.
//
//   static Scaled  unpack(const Block&, size_t group, Codes<kGroupValues> codes);   or
//   static Shifted unpack(const Block&, size_t group, Codes<kGroupValues> codes);
//
// kUnpacksWords: unpack() writes eight codes at a time, which matters to whoever reads them at once.
// Any bit pattern is a valid block. Values stand in row order: group g holds weights g * kGroupValues and following.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth::quant {

static_assert(std::endian::native == std::endian::little, "blocks are read as they lie in the file");

template <size_t kValues>
using Codes = std::span<int8_t, kValues>;

// weight[i] = (scale * sub_scale) * codes[i], both products rounded to f32. sub_scale is 1 where a format has one level
// of scales; `scale` is the same for all groups of a block where it has two.
struct Scaled {
  float scale;
  int sub_scale = 1;
};

// weight[i] = (scale * sub_scale) * codes[i] - min * sub_min, each operation rounded to f32.
struct Shifted {
  float scale;
  int sub_scale = 1;
  float min;
  int sub_min = 1;
};

}  // namespace hearth::quant
