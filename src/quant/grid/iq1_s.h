#pragma once
// IQ1_S: eight weights are one of 2048 ternary vectors, moved up or down by 1/8; 8 groups of 32 with 3-bit odd scales.
//   weight = scale * (2 s[g] + 1) * (vector[i] +- 1/8) = scale/8 * (2 s[g] + 1) * code[i], codes 8 * {-1, 0, 1} +- 1
#include <string_view>

#include "quant/fit.h"
#include "quant/grid/grid.h"
#include "quant/group.h"

namespace hearth::quant {

struct IQ1_S {
  static constexpr std::string_view kName = "iq1_s";
  static constexpr std::string_view kSummary = "1.56 bits, ternary vectors of 8";
  static constexpr int32_t kGgufId = 19;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-9, 9};
  static constexpr bool kUnpacksWords = true;

  struct Block {
    Fp16 scale;
    uint8_t low[32];   // of the index of each eight weights, low eight bits
    uint16_t high[8];  // per group: four times three top bits of indices, three bits of scale, one for "moved down"
  };
  static_assert(sizeof(Block) == 50, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<32> codes) {
    const unsigned high = b.high[group];
    const int move = high >> 15 ? -1 : 1;
    for (size_t k = 0; k < 4; ++k) {
      const auto& vector = kIq1Grid[b.low[4 * group + k] | (high >> 3 * k & 7) << 8];
      for (size_t i = 0; i < 8; ++i) codes[8 * k + i] = static_cast<int8_t>(vector[i] + move);
    }
    return {.scale = b.scale * 0.125f, .sub_scale = static_cast<int>(2 * (high >> 12 & 7) + 1)};
  }
};

}  // namespace hearth::quant
