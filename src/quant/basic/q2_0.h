#pragma once
// Q2_0: 64 weights share one scale.  weight[i] = scale * (code[i] - 1), codes of two bits
#include <cstring>
#include <string_view>

#include "quant/basic/spread.h"
#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q2_0 {
  static constexpr std::string_view kName = "q2_0";
  static constexpr std::string_view kSummary = "2 bits, a scale per 64";
  static constexpr int32_t kGgufId = 42;
  static constexpr size_t kBlockValues = 64;
  static constexpr size_t kGroupValues = 64;
  static constexpr Range kCodes{-1, 2};

  struct Block {
    Fp16 scale;
    uint8_t pairs[16];  // bits 2 * (i % 4) of byte i / 4
  };
  static_assert(sizeof(Block) == 18, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<64> codes) {
    for (size_t j = 0; j < 16; ++j) {
      const uint32_t four = spread_pairs(b.pairs[j]);
      std::memcpy(codes.data() + 4 * j, &four, 4);
    }
    for (int8_t& code : codes) code = static_cast<int8_t>(code - 1);
    return {.scale = b.scale};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[64];
    b = {.scale = fit_scale(x, kCodes, codes), .pairs = {}};
    for (size_t i = 0; i < 64; ++i) b.pairs[i / 4] |= static_cast<uint8_t>((codes[i] + 1) << 2 * (i % 4));
  }
};

}  // namespace hearth::quant
