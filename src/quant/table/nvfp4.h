#pragma once
// NVFP4 as GGUF stores it: 4 groups of 16 e2m1 floats, each with an 8-bit float scale (e4m3 without sign).
//   weight = e4m3[scale[g]] * e2m1[nibble]
// The second, per-tensor scale of NVFP4 checkpoints lies in a tensor of its own. Bytes 0x80..0xFF decode as the same
// exponent and mantissa; 0x7F, not a number in e4m3, is 0, as in the reference dequantizer.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"
#include "quant/table/fp4.h"

namespace hearth::quant {

struct NVFP4 {
  static constexpr std::string_view kName = "nvfp4";
  static constexpr std::string_view kSummary = "4-bit floats, 8-bit float scales per 16";
  static constexpr int32_t kGgufId = 40;
  static constexpr size_t kBlockValues = 64;
  static constexpr size_t kGroupValues = 16;
  static constexpr Range kCodes{-12, 12};
  static constexpr Values16 kTable = kFp4Twice;

  struct Block {
    uint8_t scales[4];
    uint8_t nibbles[32];  // 8 bytes per group: low halves are its weights 0..7, high halves 8..15
  };
  static_assert(sizeof(Block) == 36, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<16> codes) {
    const Scaled map = unpack_nibbles(b, group, codes);
    look_up(kTable, codes);
    return map;
  }

  // The same before the table: places in kTable.
  static Scaled unpack_nibbles(const Block& b, size_t group, Codes<16> nibbles) {
    split_nibbles<8>(b.nibbles + 8 * group, nibbles);
    return {.scale = kHalfScales[b.scales[group]]};
  }

  static void encode(const Samples& x, Block& b) {
    for (size_t g = 0; g < 4; ++g) encode_group(x.part(g, 16), b.scales[g], b.nibbles + 8 * g);
  }

 private:
  static constexpr int kLargestScale = 0x7E;

  // Half of the number, because the table is doubled.
  static constexpr float half_e4m3(uint8_t bits) {
    if (bits == 0x7F) return 0;
    const int exponent = bits >> 3 & 15, mantissa = bits & 7;
    if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
    return std::bit_cast<float>(static_cast<uint32_t>(exponent - 8 + 127) << 23 | static_cast<uint32_t>(mantissa)
                                                                                      << 20);
  }

  static constexpr auto half_scales() {
    std::array<float, 256> scales{};
    for (size_t bits = 0; bits < scales.size(); ++bits) scales[bits] = half_e4m3(static_cast<uint8_t>(bits));
    return scales;
  }
  static const std::array<float, 256> kHalfScales;

  // Tries the scales that let e2m1 reach from three quarters to twice the largest weight: eleven or twelve, or the
  // smallest scale where all reach further.
  static void encode_group(const Samples& x, uint8_t& scale, uint8_t* nibbles) {
    const float largest = std::fabs(*std::ranges::max_element(x.values, {}, [](float v) { return std::fabs(v); }));
    constexpr double kNever = std::numeric_limits<double>::infinity();
    double least = kNever;
    for (int bits = kLargestScale; bits >= 0; --bits) {
      const float half = half_e4m3(static_cast<uint8_t>(bits));
      const float reach = static_cast<float>(kCodes.hi) * half;
      if (reach > 2 * largest && (bits > 1 || largest == 0)) continue;
      if (least < kNever && reach < 0.75f * largest) break;
      int8_t codes[16];
      const double error = round_to(kFp4Table, half, x, codes);
      if (error >= least) continue;
      least = error;
      scale = static_cast<uint8_t>(bits);
      look_back<8>(kTable, codes, nibbles);
    }
  }
};

inline constexpr std::array<float, 256> NVFP4::kHalfScales = NVFP4::half_scales();

}  // namespace hearth::quant
