#pragma once
// The codes of one unit: 16 rows by 32 inputs of unsigned codes, as kernels read them. Four consecutive inputs of a row are a
// *quad*; quad q of all 16 rows is a 64-byte vector with row r in bytes 4r..4r+3. A unit is quads 0..7, stored in planes:
//   4 bits  vectors 0..3: low nibbles are quad 2v, high nibbles quad 2v + 1
//   2 bits  vectors 0..1: bits 2k, 2k+1 of a byte are quad 4v + k
//   1 bit   one vector: bit k of a byte is quad k
//   8 bits  vectors 0..7: the quads themselves
// 3, 5 and 6 bits are sums of planes, low bits first: 3 = 2+1, 5 = 4+1, 6 = 4+2.  docs/formats/packed_layouts.md
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/half.h"

namespace hearth::ops::cpu {

constexpr uint32_t kPanelRows = 16;
constexpr uint32_t kUnitInputs = 32;

// Unpacked: codes[8 * 64], quad after quad.
struct UnitCodes {
  uint8_t quads[8][64];
};

// The codes of one row of a unit: two quads to a word, the first in its low half.
using RowCodes = uint64_t[4];

template <unsigned kBits>
struct CodePlane {
  static_assert(kBits == 1 || kBits == 2 || kBits == 4 || kBits == 8, "planes divide a byte");
  static constexpr unsigned kPerByte = 8 / kBits;
  uint8_t bytes[64 * kBits];

  // What one row contributes, from bits [shift, shift + kBits) of its codes: word v is its four bytes of vector v.
  static HEARTH_ALWAYS_INLINE void row_words(const RowCodes& codes, unsigned shift, uint32_t* words) {
    if constexpr (kBits == 8) return void(std::memcpy(words, codes, sizeof codes));
    constexpr uint64_t kMask = 0x0101010101010101u * ((1u << kBits) - 1);
    for (unsigned v = 0; v < kBits; ++v) {
      words[v] = 0;
      for (unsigned j = 0; j < kPerByte / 2; ++j) {
        const uint64_t two = codes[v * (kPerByte / 2) + j] >> shift & kMask;
        words[v] |= static_cast<uint32_t>(two | two >> (32 - kBits)) << 2 * kBits * j;
      }
    }
  }
  unsigned get(unsigned quad, unsigned byte) const {
    return bytes[64 * (quad / kPerByte) + byte] >> kBits * (quad % kPerByte) & ((1u << kBits) - 1);
  }
};

// Codes of any width from its planes.
template <unsigned kBits>
struct UnitPlanes {
  static constexpr unsigned kLow = kBits == 3 ? 2 : kBits == 5 || kBits == 6 ? 4 : kBits;
  static constexpr unsigned kHigh = kBits - kLow;
  CodePlane<kLow> low;
  CodePlane<kHigh> high;

  // Words of a row, plane after plane: word i is the row's place in the i-th 64-byte vector of the unit.
  static HEARTH_ALWAYS_INLINE void row_words(const RowCodes& codes, uint32_t* words) {
    CodePlane<kLow>::row_words(codes, 0, words);
    CodePlane<kHigh>::row_words(codes, kLow, words + kLow);
  }
  uint8_t get(unsigned row, unsigned input) const {
    const unsigned quad = input / 4, byte = 4 * row + input % 4;
    return static_cast<uint8_t>(low.get(quad, byte) | high.get(quad, byte) << kLow);
  }
};

template <unsigned kBits>
  requires(kBits == 2 || kBits == 4 || kBits == 8)
struct UnitPlanes<kBits> {
  static constexpr unsigned kLow = kBits, kHigh = 0;
  CodePlane<kBits> low;

  static HEARTH_ALWAYS_INLINE void row_words(const RowCodes& codes, uint32_t* words) {
    CodePlane<kBits>::row_words(codes, 0, words);
  }
  uint8_t get(unsigned row, unsigned input) const {
    return static_cast<uint8_t>(low.get(input / 4, 4 * row + input % 4));
  }
};

}  // namespace hearth::ops::cpu
