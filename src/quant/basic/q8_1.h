#pragma once
// Q8_1: Q8_0 with the sum of its weights beside the scale. An intermediate of dot products; no encoder, as no file
// wants it.
//   weight[i] = scale * code[i]
#include <algorithm>
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q8_1 {
  static constexpr std::string_view kName = "q8_1";
  static constexpr std::string_view kSummary = "8 bits, a scale and the sum per 32";
  static constexpr int32_t kGgufId = 9;
  static constexpr size_t kBlockValues = 32;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-128, 127};

  struct Block {
    Fp16 scale;
    Fp16 sum;  // scale * (codes[0] + ... + codes[31])
    int8_t codes[32];
  };
  static_assert(sizeof(Block) == 36, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<32> codes) {
    std::copy_n(b.codes, 32, codes.begin());
    return {.scale = b.scale};
  }
};

}  // namespace hearth::quant
