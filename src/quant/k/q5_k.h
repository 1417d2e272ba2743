#pragma once
// Q5_K: Q4_K with a fifth bit per weight.
//   weight = scale * sub_scale[g] * code - min * sub_min[g], codes of five bits
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"
#include "quant/k/scales6.h"

namespace hearth::quant {

struct Q5_K {
  static constexpr std::string_view kName = "q5_k";
  static constexpr std::string_view kSummary = "5 bits, 6-bit scales and minimums per 32";
  static constexpr int32_t kGgufId = 13;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{0, 31};

  struct Block {
    Fp16 scale;
    Fp16 min;
    Scales6 subs;
    uint8_t high[32];      // fifth bits: bit g of byte j is weight j of group g
    uint8_t nibbles[128];  // as in Q4_K
  };
  static_assert(sizeof(Block) == 176, "file layout");

  static Shifted unpack(const Block& b, size_t group, Codes<32> codes) {
    const uint8_t* nibbles = b.nibbles + group / 2 * 32;
    for (size_t i = 0; i < 32; ++i)
      codes[i] = static_cast<int8_t>((nibbles[i] >> group % 2 * 4 & 15) | (b.high[i] >> group & 1) << 4);
    return {.scale = b.scale, .sub_scale = b.subs.scale(group), .min = b.min, .sub_min = b.subs.min(group)};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[256];
    const SubLines lines = fit_sub_lines(x, 8, kCodes.hi, 63, codes);
    b = {.scale = lines.scale,
         .min = lines.min,
         .subs = Scales6::from(lines.sub_scale, lines.sub_min),
         .high = {},
         .nibbles = {}};
    for (size_t i = 0; i < 256; ++i) {
      b.nibbles[i / 64 * 32 + i % 32] |= static_cast<uint8_t>((codes[i] & 15) << i % 64 / 32 * 4);
      b.high[i % 32] |= static_cast<uint8_t>(codes[i] >> 4 << i / 32);
    }
  }
};

}  // namespace hearth::quant
