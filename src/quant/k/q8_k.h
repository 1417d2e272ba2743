#pragma once
// Q8_K: 256 weights share one f32 scale; sums of 16 stand beside. Meant for activations, but a legal tensor type.
//   weight[i] = scale * code[i]
#include <algorithm>
#include <cmath>
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q8_K {
  static constexpr std::string_view kName = "q8_k";
  static constexpr std::string_view kSummary = "8 bits, an f32 scale per 256";
  static constexpr int32_t kGgufId = 15;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 256;
  static constexpr Range kCodes{-128, 127};

  struct Block {
    float scale;
    int8_t codes[256];
    int16_t sums[16];  // of 16 codes each
  };
  static_assert(sizeof(Block) == 292, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<256> codes) {
    std::copy_n(b.codes, 256, codes.begin());
    return {.scale = b.scale};
  }

  // The largest weight becomes code -127, whatever its sign: 127 on the other side is never exceeded.
  static void encode(const Samples& x, Block& b) {
    const float largest = *std::ranges::max_element(x.values, {}, [](float v) { return std::fabs(v); });
    b = {.scale = largest / -127, .codes = {}, .sums = {}};
    for (size_t i = 0; i < 256; ++i) {
      b.codes[i] = static_cast<int8_t>(b.scale == 0 ? 0.0f : kCodes.nearest(x.values[i] / b.scale));
      b.sums[i / 16] = static_cast<int16_t>(b.sums[i / 16] + b.codes[i]);
    }
  }
};

}  // namespace hearth::quant
