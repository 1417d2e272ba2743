#pragma once
// IQ2_XS: eight magnitudes are one of 512 vectors; signs in seven bits; 16 groups of 16 with 4-bit odd scales.
//   weight = scale/8 * (2 s[g] + 1) * code[i]
#include <string_view>

#include "quant/fit.h"
#include "quant/grid/grid.h"
#include "quant/grid/signs.h"
#include "quant/group.h"

namespace hearth::quant {

struct IQ2_XS {
  static constexpr std::string_view kName = "iq2_xs";
  static constexpr std::string_view kSummary = "2.31 bits, vectors of 8, scales per 16";
  static constexpr int32_t kGgufId = 17;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 16;
  static constexpr Range kCodes{-43, 43};
  static constexpr bool kUnpacksWords = true;

  struct Block {
    Fp16 scale;
    uint16_t vectors[32];  // per eight weights: nine bits of index, seven of signs
    uint8_t subs[8];       // nibble per group
  };
  static_assert(sizeof(Block) == 74, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<16> codes) {
    for (size_t k = 0; k < 2; ++k) {
      const unsigned bits = b.vectors[2 * group + k];
      put_signed(coordinates(kIq2XsGrid[bits & 511]), even_signs(bits >> 9), &codes[8 * k]);
    }
    return {.scale = b.scale * 0.125f, .sub_scale = 2 * (b.subs[group / 2] >> group % 2 * 4 & 15) + 1};
  }
};

}  // namespace hearth::quant
