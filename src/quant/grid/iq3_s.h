#pragma once
// IQ3_S: four magnitudes are one of 512 vectors; all signs; 8 groups of 32 with 4-bit odd scales.
//   weight = scale * (2 s[g] + 1) * code[i]
#include <string_view>

#include "quant/fit.h"
#include "quant/grid/grid.h"
#include "quant/grid/signs.h"
#include "quant/group.h"

namespace hearth::quant {

struct IQ3_S {
  static constexpr std::string_view kName = "iq3_s";
  static constexpr std::string_view kSummary = "3.44 bits, vectors of 4, all signs";
  static constexpr int32_t kGgufId = 21;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-15, 15};
  static constexpr bool kUnpacksWords = true;

  struct Block {
    Fp16 scale;
    uint8_t low[64];    // of the index of each four weights, low eight bits
    uint8_t high[8];    // bit k of byte g: ninth bit of the k-th index of group g
    uint8_t signs[32];  // bit i of byte j: weight 8 j + i is negative
    uint8_t subs[4];    // nibble per group
  };
  static_assert(sizeof(Block) == 110, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<32> codes) {
    const auto vector = [&](size_t k) -> const auto& { return kIq3SGrid[b.low[8 * group + k] | (b.high[group] >> k & 1u) << 8]; };
    for (size_t k = 0; k < 4; ++k)
      put_signed(coordinates(vector(2 * k), vector(2 * k + 1)), b.signs[4 * group + k], &codes[8 * k]);
    return {.scale = b.scale, .sub_scale = 2 * (b.subs[group / 2] >> group % 2 * 4 & 15) + 1};
  }
};

}  // namespace hearth::quant
