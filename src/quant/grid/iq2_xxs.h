#pragma once
// IQ2_XXS: eight magnitudes are one of 256 vectors; signs in seven bits; 8 groups of 32 with 4-bit odd scales.
//   weight = scale/8 * (2 s[g] + 1) * code[i]
#include <string_view>

#include "quant/fit.h"
#include "quant/grid/grid.h"
#include "quant/grid/signs.h"
#include "quant/group.h"

namespace hearth::quant {

struct IQ2_XXS {
  static constexpr std::string_view kName = "iq2_xxs";
  static constexpr std::string_view kSummary = "2.06 bits, vectors of 8";
  static constexpr int32_t kGgufId = 16;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-43, 43};
  static constexpr bool kUnpacksWords = true;

  struct Group {
    uint8_t index[4];   // of each eight weights
    uint16_t signs[2];  // little-endian 32 bits: four times seven bits of signs, four bits of scale
  };
  struct Block {
    Fp16 scale;
    Group groups[8];
  };
  static_assert(sizeof(Block) == 66, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<32> codes) {
    const Group& g = b.groups[group];
    const uint32_t bits = g.signs[0] | uint32_t{g.signs[1]} << 16;
    for (size_t k = 0; k < 4; ++k)
      put_signed(coordinates(kIq2XxsGrid[g.index[k]]), even_signs(bits >> 7 * k), &codes[8 * k]);
    return {.scale = b.scale * 0.125f, .sub_scale = static_cast<int>(2 * (bits >> 28) + 1)};
  }
};

}  // namespace hearth::quant
