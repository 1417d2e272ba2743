#pragma once
// TQ2_0: ternary weights in two bits.  weight[i] = scale * (code[i] - 1); the code 3 is legal and means 2, but not
// written.
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct TQ2_0 {
  static constexpr std::string_view kName = "tq2_0";
  static constexpr std::string_view kSummary = "ternary in 2 bits, a scale per 256";
  static constexpr int32_t kGgufId = 35;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 256;
  static constexpr Range kCodes{-1, 2};

  struct Block {
    uint8_t pairs[64];  // 32 bytes per half block; bits 2k, 2k+1 are the k-th 32 weights of the half
    Fp16 scale;
  };
  static_assert(sizeof(Block) == 66, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<256> codes) {
    for (size_t k = 0; k < 8; ++k)
      for (size_t i = 0; i < 32; ++i)
        codes[32 * k + i] = static_cast<int8_t>((b.pairs[k / 4 * 32 + i] >> k % 4 * 2 & 3) - 1);
    return {.scale = b.scale};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[256];
    b = {.pairs = {}, .scale = fit_scale(x, Range{-1, 1}, codes)};
    for (size_t i = 0; i < 256; ++i)
      b.pairs[i / 128 * 32 + i % 32] |= static_cast<uint8_t>((codes[i] + 1) << i % 128 / 32 * 2);
  }
};

}  // namespace hearth::quant
