#pragma once
// Eight 6-bit scales and eight 6-bit minimums in 12 bytes, as Q4_K and Q5_K store them: the first four of each lie in
// the low six bits of bytes 0..3 and 4..7; the others have their low four bits in bytes 8..11 (scale low, minimum high)
// and their top two bits above the six of the first ones.
#include <array>
#include <cstddef>
#include <cstdint>

namespace hearth::quant {

struct Scales6 {
  uint8_t bytes[12];

  int scale(size_t group) const {
    return group < 4 ? bytes[group] & 63 : (bytes[group + 4] & 15) | (bytes[group - 4] >> 6) << 4;
  }
  int min(size_t group) const {
    return group < 4 ? bytes[group + 4] & 63 : bytes[group + 4] >> 4 | (bytes[group] >> 6) << 4;
  }
  static Scales6 from(const std::array<uint8_t, 16>& scales, const std::array<uint8_t, 16>& mins) {
    Scales6 packed;
    for (size_t g = 0; g < 4; ++g) {
      packed.bytes[g] = static_cast<uint8_t>(scales[g] | scales[g + 4] >> 4 << 6);
      packed.bytes[g + 4] = static_cast<uint8_t>(mins[g] | mins[g + 4] >> 4 << 6);
      packed.bytes[g + 8] = static_cast<uint8_t>((scales[g + 4] & 15) | (mins[g + 4] & 15) << 4);
    }
    return packed;
  }
};
static_assert(sizeof(Scales6) == 12, "file layout");

}  // namespace hearth::quant
