#pragma once
// Q1_0: one bit per weight.  weight[i] = bit[i] ? scale : -scale
#include <cmath>
#include <cstring>
#include <string_view>

#include "quant/basic/spread.h"
#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct Q1_0 {
  static constexpr std::string_view kName = "q1_0";
  static constexpr std::string_view kSummary = "1 bit, a scale per 128";
  static constexpr int32_t kGgufId = 41;
  static constexpr size_t kBlockValues = 128;
  static constexpr size_t kGroupValues = 128;
  static constexpr Range kCodes{-1, 1};

  struct Block {
    Fp16 scale;
    uint8_t bits[16];  // bit i % 8 of byte i / 8
  };
  static_assert(sizeof(Block) == 18, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<128> codes) {
    for (size_t j = 0; j < 16; ++j) {
      const uint64_t ones = spread_bits(b.bits[j]);
      std::memcpy(codes.data() + 8 * j, &ones, 8);
    }
    for (int8_t& code : codes) code = static_cast<int8_t>(2 * code - 1);
    return {.scale = b.scale};
  }

  // The best scale of given signs is the mean magnitude.
  static void encode(const Samples& x, Block& b) {
    double magnitude = 0, importance = 0;
    for (size_t i = 0; i < 128; ++i) {
      magnitude += static_cast<double>(x.importance[i]) * std::fabs(x.values[i]);
      importance += x.importance[i];
    }
    b = {.scale = to_fp16(magnitude / importance), .bits = {}};
    for (size_t i = 0; i < 128; ++i)
      if (x.values[i] >= 0) b.bits[i / 8] |= static_cast<uint8_t>(1 << i % 8);
  }
};

}  // namespace hearth::quant
