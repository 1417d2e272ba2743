#pragma once
// Q8_0: 32 weights share one scale.  weight[i] = scale * code[i]
#include <algorithm>
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q8_0 {
  static constexpr std::string_view kName = "q8_0";
  static constexpr std::string_view kSummary = "8 bits, a scale per 32";
  static constexpr int32_t kGgufId = 8;
  static constexpr size_t kBlockValues = 32;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-128, 127};

  struct Block {
    Fp16 scale;
    int8_t codes[32];
  };
  static_assert(sizeof(Block) == 34, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<32> codes) {
    std::copy_n(b.codes, 32, codes.begin());
    return {.scale = b.scale};
  }

  // Without -128: dot products elsewhere negate codes.
  static void encode(const Samples& x, Block& b) { b.scale = fit_scale(x, Range{-127, 127}, b.codes); }
};

}  // namespace hearth::quant
