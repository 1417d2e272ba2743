#pragma once
// Q5_0: 32 weights share one scale.  weight[i] = scale * (code[i] - 16), codes of five bits
#include <string_view>

#include "quant/basic/high_bits.h"
#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q5_0 {
  static constexpr std::string_view kName = "q5_0";
  static constexpr std::string_view kSummary = "5 bits, a scale per 32";
  static constexpr int32_t kGgufId = 6;
  static constexpr size_t kBlockValues = 32;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-16, 15};
  static constexpr bool kUnpacksWords = true;

  struct Block {
    Fp16 scale;
    uint8_t high[4];
    uint8_t nibbles[16];
  };
  static_assert(sizeof(Block) == 22, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<32> codes) {
    split_five_bits(b.high, b.nibbles, 16, codes);
    return {.scale = b.scale};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[32];
    b.scale = fit_scale(x, kCodes, codes);
    join_five_bits(codes, 16, b.high, b.nibbles);
  }
};

}  // namespace hearth::quant
