#pragma once
// MXFP4 (OCP Microscaling Formats 1.0): 32 e2m1 floats share a power of two.  weight[i] = 2^(exponent - 127) *
// e2m1[nibble[i]] As the reference dequantizer does, the exponent 255 (NaN in the standard) is taken for 2^128.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"
#include "quant/table/fp4.h"

namespace hearth::quant {

struct MXFP4 {
  static constexpr std::string_view kName = "mxfp4";
  static constexpr std::string_view kSummary = "4-bit floats, a power of two per 32";
  static constexpr int32_t kGgufId = 39;
  static constexpr size_t kBlockValues = 32;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-12, 12};
  static constexpr Values16 kTable = kFp4Twice;

  struct Block {
    uint8_t exponent;
    uint8_t nibbles[16];  // low halves are weights 0..15, high halves 16..31
  };
  static_assert(sizeof(Block) == 17, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<32> codes) {
    const Scaled map = unpack_nibbles(b, group, codes);
    look_up(kTable, codes);
    return map;
  }

  // The same before the table: places in kTable.
  static Scaled unpack_nibbles(const Block& b, size_t /*group*/, Codes<32> nibbles) {
    split_nibbles<16>(b.nibbles, nibbles);
    return {.scale = half_power(b.exponent)};
  }

  static void encode(const Samples& x, Block& b) {
    const float largest = std::fabs(*std::ranges::max_element(x.values, {}, [](float v) { return std::fabs(v); }));
    const int top =
        largest == 0 ? 2 : std::ilogb(largest) + 127;  // e2m1 reaches 6: the best exponent is top - 2, or near
    double least = std::numeric_limits<double>::infinity();
    for (int exponent = std::max(0, top - 3); exponent <= std::clamp(top, 0, 254); ++exponent) {
      int8_t codes[32];
      const double error = round_to(kFp4Table, half_power(static_cast<uint8_t>(exponent)), x, codes);
      if (error >= least) continue;
      least = error;
      b.exponent = static_cast<uint8_t>(exponent);
      look_back<16>(kTable, codes, b.nibbles);
    }
  }

 private:
  // 2^(exponent - 128), halved because the table is doubled; the lowest two are subnormal.
  static float half_power(uint8_t exponent) {
    return std::bit_cast<float>(exponent < 2 ? 0x00200000u << exponent : (uint32_t{exponent} - 1) << 23);
  }
};

}  // namespace hearth::quant
