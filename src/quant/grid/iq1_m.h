#pragma once
// IQ1_M: IQ1_S with an offset per eight weights, a scale per 16, and the block's float in the gaps.
//   weight = scale/8 * (2 s[g] + 1) * code[i], codes 8 * {-1, 0, 1} +- 1
#include <string_view>

#include "quant/fit.h"
#include "quant/grid/grid.h"
#include "quant/group.h"

namespace hearth::quant {

struct IQ1_M {
  static constexpr std::string_view kName = "iq1_m";
  static constexpr std::string_view kSummary = "1.75 bits, ternary vectors of 8, scales per 16";
  static constexpr int32_t kGgufId = 29;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 16;
  static constexpr Range kCodes{-9, 9};
  static constexpr bool kUnpacksWords = true;

  struct Block {
    uint8_t low[32];   // of the index of each eight weights, low eight bits
    uint8_t high[16];  // nibble per eight weights: three top bits of the index, one for "moved down"
    uint16_t
        scales[4];  // each: four times three bits of scale, then four bits of the block's half float, low ones first
  };
  static_assert(sizeof(Block) == 56, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<16> codes) {
    for (size_t k = 0; k < 2; ++k) {
      const unsigned high = b.high[group] >> 4 * k & 15;
      const int move = high & 8 ? -1 : 1;
      const auto& vector = kIq1Grid[b.low[2 * group + k] | (high & 7) << 8];
      for (size_t i = 0; i < 8; ++i) codes[8 * k + i] = static_cast<int8_t>(vector[i] + move);
    }
    unsigned half = 0;
    for (size_t k = 0; k < 4; ++k) half |= static_cast<unsigned>(b.scales[k] >> 12) << 4 * k;
    return {.scale = Fp16::decode(static_cast<uint16_t>(half)) * 0.125f,
            .sub_scale = 2 * (b.scales[group / 4] >> 3 * (group % 4) & 7) + 1};
  }
};

}  // namespace hearth::quant
