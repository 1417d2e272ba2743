#pragma once
// Q2_K: 16 groups of 16; each group has a 4-bit scale and a 4-bit minimum, multiples of the block's two floats.
//   weight = scale * sub_scale[g] * code - min * sub_min[g], codes of two bits
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q2_K {
  static constexpr std::string_view kName = "q2_k";
  static constexpr std::string_view kSummary = "2 bits, 4-bit scales and minimums per 16";
  static constexpr int32_t kGgufId = 10;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 16;
  static constexpr Range kCodes{0, 3};

  struct Block {
    uint8_t subs[16];   // low half: scale of the group, high half: minimum
    uint8_t pairs[64];  // 32 bytes per half block; bits 2k, 2k+1 are the k-th 32 weights of the half
    Fp16 scale;
    Fp16 min;
  };
  static_assert(sizeof(Block) == 84, "file layout");

  static Shifted unpack(const Block& b, size_t group, Codes<16> codes) {
    const uint8_t* pairs = b.pairs + first_byte(group);
    for (size_t i = 0; i < 16; ++i) codes[i] = pairs[i] >> shift(group) & 3;
    return {.scale = b.scale, .sub_scale = b.subs[group] & 15, .min = b.min, .sub_min = b.subs[group] >> 4};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[256];
    const SubLines lines = fit_sub_lines(x, 16, kCodes.hi, 15, codes);
    b = {.subs = {}, .pairs = {}, .scale = lines.scale, .min = lines.min};
    for (size_t g = 0; g < 16; ++g) {
      b.subs[g] = static_cast<uint8_t>(lines.sub_scale[g] | lines.sub_min[g] << 4);
      for (size_t i = 0; i < 16; ++i) b.pairs[first_byte(g) + i] |= static_cast<uint8_t>(codes[16 * g + i] << shift(g));
    }
  }

  static constexpr size_t first_byte(size_t group) { return group / 8 * 32 + group % 2 * 16; }
  static constexpr size_t shift(size_t group) { return group % 8 / 2 * 2; }
};

}  // namespace hearth::quant
