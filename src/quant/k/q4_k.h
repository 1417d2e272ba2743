#pragma once
// Q4_K: 8 groups of 32; each group has a 6-bit scale and a 6-bit minimum, multiples of the block's two floats.
//   weight = scale * sub_scale[g] * nibble - min * sub_min[g]
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"
#include "quant/k/scales6.h"

namespace hearth::quant {

struct Q4_K {
  static constexpr std::string_view kName = "q4_k";
  static constexpr std::string_view kSummary = "4 bits, 6-bit scales and minimums per 32";
  static constexpr int32_t kGgufId = 12;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{0, 15};

  struct Block {
    Fp16 scale;
    Fp16 min;
    Scales6 subs;
    uint8_t nibbles[128];  // 32 bytes per pair of groups: low halves the even group, high halves the odd one
  };
  static_assert(sizeof(Block) == 144, "file layout");

  static Shifted unpack(const Block& b, size_t group, Codes<32> codes) {
    const uint8_t* nibbles = b.nibbles + group / 2 * 32;
    for (size_t i = 0; i < 32; ++i) codes[i] = nibbles[i] >> group % 2 * 4 & 15;
    return {.scale = b.scale, .sub_scale = b.subs.scale(group), .min = b.min, .sub_min = b.subs.min(group)};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[256];
    const SubLines lines = fit_sub_lines(x, 8, kCodes.hi, 63, codes);
    b = {.scale = lines.scale, .min = lines.min, .subs = Scales6::from(lines.sub_scale, lines.sub_min), .nibbles = {}};
    for (size_t i = 0; i < 256; ++i)
      b.nibbles[i / 64 * 32 + i % 32] |= static_cast<uint8_t>(codes[i] << i % 64 / 32 * 4);
  }
};

}  // namespace hearth::quant
