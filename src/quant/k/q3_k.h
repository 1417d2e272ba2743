#pragma once
// Q3_K: 16 groups of 16, each with a signed 6-bit scale, a multiple of the block's float.
//   weight = scale * (sub_scale[g] - 32) * (code - 4), codes of three bits
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"
#include "quant/k/q2_k.h"

namespace hearth::quant {

struct Q3_K {
  static constexpr std::string_view kName = "q3_k";
  static constexpr std::string_view kSummary = "3 bits, 6-bit scales per 16";
  static constexpr int32_t kGgufId = 11;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 16;
  static constexpr Range kCodes{-4, 3};

  struct Block {
    uint8_t high[32];   // third bits: bit k of byte j is weight 32 k + j
    uint8_t pairs[64];  // low two bits, as in Q2_K
    uint8_t subs[12];   // low halves of bytes 0..7, then high halves: low four bits; bytes 8..11: top two bits of g,
                        // g+4, ...
    Fp16 scale;
  };
  static_assert(sizeof(Block) == 110, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<16> codes) {
    const uint8_t* pairs = b.pairs + Q2_K::first_byte(group);
    const uint8_t* high = b.high + group % 2 * 16;
    for (size_t i = 0; i < 16; ++i)
      codes[i] = static_cast<int8_t>((pairs[i] >> Q2_K::shift(group) & 3) + 4 * (high[i] >> group / 2 & 1) - 4);
    const int low = b.subs[group % 8] >> group / 8 * 4 & 15;
    const int top = b.subs[8 + group % 4] >> group / 4 * 2 & 3;
    return {.scale = b.scale, .sub_scale = (low | top << 4) - 32};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[256];
    const SubScales scales = fit_sub_scales(x, 16, kCodes, {-32, 31}, codes);
    b = {.high = {}, .pairs = {}, .subs = {}, .scale = scales.scale};
    for (size_t g = 0; g < 16; ++g) {
      const int sub = scales.sub_scale[g] + 32;
      b.subs[g % 8] |= static_cast<uint8_t>((sub & 15) << g / 8 * 4);
      b.subs[8 + g % 4] |= static_cast<uint8_t>(sub >> 4 << g / 4 * 2);
      for (size_t i = 0; i < 16; ++i) {
        const int code = codes[16 * g + i] + 4;
        b.pairs[Q2_K::first_byte(g) + i] |= static_cast<uint8_t>((code & 3) << Q2_K::shift(g));
        b.high[g % 2 * 16 + i] |= static_cast<uint8_t>(code >> 2 << g / 2);
      }
    }
  }
};

}  // namespace hearth::quant
