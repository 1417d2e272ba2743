#pragma once
// Q4_0: 32 weights share one scale.  weight[i] = scale * (nibble[i] - 8)
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q4_0 {
  static constexpr std::string_view kName = "q4_0";
  static constexpr std::string_view kSummary = "4 bits, a scale per 32";
  static constexpr int32_t kGgufId = 2;
  static constexpr size_t kBlockValues = 32;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-8, 7};

  struct Block {
    Fp16 scale;
    uint8_t nibbles[16];  // low halves are weights 0..15, high halves 16..31
  };
  static_assert(sizeof(Block) == 18, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<32> codes) {
    for (size_t i = 0; i < 16; ++i) {
      codes[i] = static_cast<int8_t>((b.nibbles[i] & 15) - 8);
      codes[i + 16] = static_cast<int8_t>((b.nibbles[i] >> 4) - 8);
    }
    return {.scale = b.scale};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[32];
    b.scale = fit_scale(x, kCodes, codes);
    for (size_t i = 0; i < 16; ++i) b.nibbles[i] = static_cast<uint8_t>((codes[i] + 8) | (codes[i + 16] + 8) << 4);
  }
};

}  // namespace hearth::quant
