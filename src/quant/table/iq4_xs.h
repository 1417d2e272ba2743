#pragma once
// IQ4_XS: 8 groups of 32 with signed 6-bit scales, multiples of the block's float; the levels of IQ4_NL.
//   weight = scale * (sub_scale[g] - 32) * kTable[nibble]
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"
#include "quant/table/iq4_nl.h"

namespace hearth::quant {

struct IQ4_XS {
  static constexpr std::string_view kName = "iq4_xs";
  static constexpr std::string_view kSummary = "4 bits into 16 uneven levels, 6-bit scales per 32";
  static constexpr int32_t kGgufId = 23;
  static constexpr size_t kBlockValues = 256;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes = IQ4_NL::kCodes;
  static constexpr Values16 kTable = IQ4_NL::kTable;

  struct Block {
    Fp16 scale;
    uint16_t subs_top;     // bits 2g, 2g+1: top two bits of group g's scale
    uint8_t subs_low[4];   // nibble g: low four bits
    uint8_t nibbles[128];  // 16 bytes per group, as in IQ4_NL
  };
  static_assert(sizeof(Block) == 136, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<32> codes) {
    const Scaled map = unpack_nibbles(b, group, codes);
    look_up(kTable, codes);
    return map;
  }

  // The same before the table: places in kTable.
  static Scaled unpack_nibbles(const Block& b, size_t group, Codes<32> nibbles) {
    split_nibbles<16>(b.nibbles + 16 * group, nibbles);
    const int low = b.subs_low[group / 2] >> group % 2 * 4 & 15;
    const int top = b.subs_top >> 2 * group & 3;
    return {.scale = b.scale, .sub_scale = (low | top << 4) - 32};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[256];
    const SubScales scales = fit_sub_scales(x, 8, IQ4_NL::kNearest, {-32, 31}, codes);
    b = {.scale = scales.scale, .subs_top = 0, .subs_low = {}, .nibbles = {}};
    for (size_t g = 0; g < 8; ++g) {
      const int sub = scales.sub_scale[g] + 32;
      b.subs_low[g / 2] |= static_cast<uint8_t>((sub & 15) << g % 2 * 4);
      b.subs_top = static_cast<uint16_t>(b.subs_top | sub >> 4 << 2 * g);
      look_back<16>(kTable, codes + 32 * g, b.nibbles + 16 * g);
    }
  }
};

}  // namespace hearth::quant
