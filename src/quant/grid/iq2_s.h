#pragma once
// IQ2_S: eight magnitudes are one of 1024 vectors; eight signs; 16 groups of 16 with 4-bit odd scales.
//   weight = scale/8 * (2 s[g] + 1) * code[i]
#include <string_view>

#include "quant/fit.h"
#include "quant/grid/grid.h"
#include "quant/grid/signs.h"
#include "quant/group.h"

namespace hearth::quant {

struct IQ2_S {
  static constexpr std::string_view kName = "iq2_s";
  static constexpr std::string_view kSummary = "2.56 bits, vectors of 8, all signs, scales per 16";
  static constexpr int32_t kGgufId = 22;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 16;
  static constexpr Range kCodes{-43, 43};
  static constexpr bool kUnpacksWords = true;

  struct Block {
    Fp16 scale;
    uint8_t low[32];    // of the index of each eight weights, low eight bits
    uint8_t signs[32];  // bit i: weight i is negative
    uint8_t high[8];    // two top bits of each index
    uint8_t subs[8];    // nibble per group
  };
  static_assert(sizeof(Block) == 82, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<16> codes) {
    for (size_t k = 0; k < 2; ++k) {
      const size_t v = 2 * group + k;
      const unsigned index = b.low[v] | (b.high[v / 4] >> v % 4 * 2 & 3u) << 8;
      put_signed(coordinates(kIq2SGrid[index]), b.signs[v], &codes[8 * k]);
    }
    return {.scale = b.scale * 0.125f, .sub_scale = 2 * (b.subs[group / 2] >> group % 2 * 4 & 15) + 1};
  }
};

}  // namespace hearth::quant
