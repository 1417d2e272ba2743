#pragma once
// TQ1_0: ternary weights, five to a byte.  weight[i] = scale * (digit[i] - 1)
// A byte holds the fraction 0.d0 d1 d2 d3 d4 of base 3 in units of 1/256: times 3^k its low eight bits begin with d_k.
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"

namespace hearth::quant {

struct TQ1_0 {
  static constexpr std::string_view kName = "tq1_0";
  static constexpr std::string_view kSummary = "ternary in 1.6 bits, a scale per 256";
  static constexpr int32_t kGgufId = 34;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 256;
  static constexpr Range kCodes{-1, 1};

  struct Block {
    uint8_t digits[52];  // three runs, see kRuns
    Fp16 scale;
  };
  static_assert(sizeof(Block) == 54, "file layout");

  static Scaled unpack(const Block& b, size_t /*group*/, Codes<256> codes) {
    for (const Run& run : kRuns)
      for (size_t k = 0; k < run.digits; ++k)
        for (size_t i = 0; i < run.bytes; ++i) {
          const auto rest = static_cast<uint8_t>(b.digits[run.first_byte + i] * kPowers[k]);
          codes[run.first_value + k * run.bytes + i] = static_cast<int8_t>((rest * 3 >> 8) - 1);
        }
    return {.scale = b.scale};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[256];
    b.scale = fit_scale(x, kCodes, codes);
    for (const Run& run : kRuns)
      for (size_t i = 0; i < run.bytes; ++i) {
        int number = 0;  // of five digits; the last run leaves its fifth zero
        for (size_t k = 0; k < run.digits; ++k)
          number += kPowers[4 - k] * (codes[run.first_value + k * run.bytes + i] + 1);
        b.digits[run.first_byte + i] = static_cast<uint8_t>((number * 256 + 242) / 243);
      }
  }

 private:
  // Within a run, the k-th digits of all its bytes are consecutive weights.
  struct Run {
    size_t first_byte, bytes, digits, first_value;
  };
  static constexpr Run kRuns[] = {{0, 32, 5, 0}, {32, 16, 5, 160}, {48, 4, 4, 240}};
  static constexpr int kPowers[] = {1, 3, 9, 27, 81};
};

}  // namespace hearth::quant
