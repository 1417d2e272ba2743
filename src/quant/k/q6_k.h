#pragma once
// Q6_K: 16 groups of 16, each with a signed 8-bit scale, a multiple of the block's float.
//   weight = scale * sub_scale[g] * (code - 32), codes of six bits
#include <algorithm>
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q6_K {
  static constexpr std::string_view kName = "q6_k";
  static constexpr std::string_view kSummary = "6 bits, 8-bit scales per 16";
  static constexpr int32_t kGgufId = 14;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 16;
  static constexpr Range kCodes{-32, 31};

  // Halves of 128 weights: nibbles hold the half's first 64 low and last 64 high; pairs its k-th 32 at bits 2k, 2k+1.
  struct Block {
    uint8_t nibbles[128];
    uint8_t pairs[64];  // top two bits
    int8_t subs[16];
    Fp16 scale;
  };
  static_assert(sizeof(Block) == 210, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<16> codes) {
    const uint8_t* nibbles = b.nibbles + nibble_byte(16 * group);
    const uint8_t* pairs = b.pairs + pair_byte(16 * group);
    const size_t nibble_shift = group % 8 / 4 * 4, pair_shift = group % 8 / 2 * 2;
    for (size_t i = 0; i < 16; ++i)
      codes[i] = static_cast<int8_t>(((nibbles[i] >> nibble_shift & 15) | (pairs[i] >> pair_shift & 3) << 4) - 32);
    return {.scale = b.scale, .sub_scale = b.subs[group]};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[256];
    const SubScales scales = fit_sub_scales(x, 16, kCodes, {-128, 127}, codes);
    b = {.nibbles = {}, .pairs = {}, .subs = {}, .scale = scales.scale};
    std::ranges::copy(scales.sub_scale, b.subs);
    for (size_t i = 0; i < 256; ++i) {
      const int code = codes[i] + 32;
      b.nibbles[nibble_byte(i)] |= static_cast<uint8_t>((code & 15) << i % 128 / 64 * 4);
      b.pairs[pair_byte(i)] |= static_cast<uint8_t>(code >> 4 << i % 128 / 32 * 2);
    }
  }

 private:
  static constexpr size_t nibble_byte(size_t i) { return i / 128 * 64 + i % 64; }
  static constexpr size_t pair_byte(size_t i) { return i / 128 * 32 + i % 32; }
};

}  // namespace hearth::quant
