#pragma once
// Q4_1: 32 weights share a scale and an offset.  weight[i] = scale * nibble[i] + offset
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q4_1 {
  static constexpr std::string_view kName = "q4_1";
  static constexpr std::string_view kSummary = "4 bits, a scale and an offset per 32";
  static constexpr int32_t kGgufId = 3;
  static constexpr size_t kBlockValues = 32;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{0, 15};

  struct Block {
    Fp16 scale;
    Fp16 offset;
    uint8_t nibbles[16];  // low halves are weights 0..15, high halves 16..31
  };
  static_assert(sizeof(Block) == 20, "file layout");

  static Shifted unpack(const Block& b, size_t /*group*/, Codes<32> codes) {
    for (size_t i = 0; i < 16; ++i) {
      codes[i] = static_cast<int8_t>(b.nibbles[i] & 15);
      codes[i + 16] = static_cast<int8_t>(b.nibbles[i] >> 4);
    }
    return {.scale = b.scale, .min = -b.offset};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[32];
    const Line line = fit_line(x, kCodes.hi, codes);
    b.scale = line.scale;
    b.offset = Fp16::from(-line.min);
    for (size_t i = 0; i < 16; ++i) b.nibbles[i] = static_cast<uint8_t>(codes[i] | codes[i + 16] << 4);
  }
};

}  // namespace hearth::quant
