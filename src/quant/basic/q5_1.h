#pragma once
// Q5_1: 32 weights share a scale and an offset.  weight[i] = scale * code[i] + offset, codes of five bits
#include <string_view>

#include "quant/basic/high_bits.h"
#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q5_1 {
  static constexpr std::string_view kName = "q5_1";
  static constexpr std::string_view kSummary = "5 bits, a scale and an offset per 32";
  static constexpr int32_t kGgufId = 7;
  static constexpr size_t kBlockValues = 32;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{0, 31};
  static constexpr bool kUnpacksWords = true;

  struct Block {
    Fp16 scale;
    Fp16 offset;
    uint8_t high[4];
    uint8_t nibbles[16];
  };
  static_assert(sizeof(Block) == 24, "file layout");

  static Shifted unpack(const Block& b, size_t /*group*/, Codes<32> codes) {
    split_five_bits(b.high, b.nibbles, 0, codes);
    return {.scale = b.scale, .min = -b.offset};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[32];
    const Line line = fit_line(x, kCodes.hi, codes);
    b.scale = line.scale;
    b.offset = Fp16::from(-line.min);
    join_five_bits(codes, 0, b.high, b.nibbles);
  }
};

}  // namespace hearth::quant
