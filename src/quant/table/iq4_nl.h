#pragma once
// IQ4_NL: 32 weights share one scale; nibbles index sixteen levels, denser around zero.  weight[i] = scale *
// kTable[nibble[i]]
#include <string_view>

#include "quant/fit.h"
#include "quant/group.h"
#include "quant/table/nibbles.h"

namespace hearth::quant {

struct IQ4_NL {
  static constexpr std::string_view kName = "iq4_nl";
  static constexpr std::string_view kSummary = "4 bits into 16 uneven levels, a scale per 32";
  static constexpr int32_t kGgufId = 20;
  static constexpr size_t kBlockValues = 32;
  static constexpr size_t kGroupValues = 32;
  static constexpr Range kCodes{-127, 113};
  static constexpr Values16 kTable = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  static constexpr Table kNearest{kTable};

  struct Block {
    Fp16 scale;
    uint8_t nibbles[16];  // low halves are weights 0..15, high halves 16..31
  };
  static_assert(sizeof(Block) == 18, "file layout");

  static Scaled unpack(const Block& b, size_t group, Codes<32> codes) {
    const Scaled map = unpack_nibbles(b, group, codes);
    look_up(kTable, codes);
    return map;
  }

  // The same before the table: places in kTable.
  static Scaled unpack_nibbles(const Block& b, size_t /*group*/, Codes<32> nibbles) {
    split_nibbles<16>(b.nibbles, nibbles);
    return {.scale = b.scale};
  }

  static void encode(const Samples& x, Block& b) {
    int8_t codes[32];
    b.scale = fit_scale(x, kNearest, codes);
    look_back<16>(kTable, codes, b.nibbles);
  }
};

}  // namespace hearth::quant
