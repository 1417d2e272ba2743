#pragma once
// IQ3_XXS: four magnitudes are one of 256 vectors; signs of eight in seven bits; 8 groups of 32 with 4-bit odd scales.
//   weight = scale/4 * (2 s[g] + 1) * code[i]
#include <string_view>

#include "quant/fit.h"
#include "quant/grid/grid.h"
#include "quant/grid/signs.h"
#include "quant/group.h"

namespace hearth::quant {

struct IQ3_XXS {
  static constexpr std::string_view kName = "iq3_xxs";
  static constexpr std::string_view kSummary = "3.06 bits, vectors of 4";
  static constexpr int32_t kGgufId = 18;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-62, 62};
  static constexpr bool kUnpacksWords = true;

  struct Block {
    Fp16 scale;
    uint8_t index[64];     // of each four weights
    uint16_t signs[8][2];  // per group, little-endian 32 bits: four times seven bits of signs, four bits of scale
  };
  static_assert(sizeof(Block) == 98, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<32> codes) {
    const uint32_t bits = b.signs[group][0] | uint32_t{b.signs[group][1]} << 16;
    const uint8_t* index = b.index + 8 * group;
    for (size_t k = 0; k < 4; ++k)
      put_signed(coordinates(kIq3XxsGrid[index[2 * k]], kIq3XxsGrid[index[2 * k + 1]]), even_signs(bits >> 7 * k), &codes[8 * k]);
    return {.scale = b.scale * 0.25f, .sub_scale = static_cast<int>(2 * (bits >> 28) + 1)};
  }
};

}  // namespace hearth::quant
