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

namespace hearth::ops::cpu {

constexpr uint32_t kPanelRows = 16;
constexpr uint32_t kUnitInputs = 32;

// Unpacked: codes[8 * 64], quad after quad.
struct UnitCodes {
  uint8_t quads[8][64];
};

template <unsigned kBits>
struct CodePlane {
  static_assert(kBits == 1 || kBits == 2 || kBits == 4 || kBits == 8, "planes divide a byte");
  static constexpr unsigned kPerByte = 8 / kBits;
  uint8_t bytes[64 * kBits];

  void set(const UnitCodes& codes, unsigned shift) {  // takes bits [shift, shift + kBits) of each code
    for (unsigned v = 0; v < kBits; ++v)
      for (unsigned i = 0; i < 64; ++i) {
        unsigned packed = 0;
        for (unsigned k = 0; k < kPerByte; ++k)
          packed |= (codes.quads[v * kPerByte + k][i] >> shift & ((1u << kBits) - 1)) << kBits * k;
        bytes[64 * v + i] = static_cast<uint8_t>(packed);
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

  void set(const UnitCodes& codes) {
    low.set(codes, 0);
    high.set(codes, kLow);
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

  void set(const UnitCodes& codes) { low.set(codes, 0); }
  uint8_t get(unsigned row, unsigned input) const {
    return static_cast<uint8_t>(low.get(input / 4, 4 * row + input % 4));
  }
};

}  // namespace hearth::ops::cpu
