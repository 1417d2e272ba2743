#pragma once
// The packed layouts: how weights lie in memory for kernels. Rows are grouped in panels of 16; a panel is a run of blocks over
// the inputs. Codes are stored unsigned: stored = code + zero, or the index of code in a table of sixteen. kLargest bounds
// code + zero: with small codes, kernels add up more products before they widen the sum.
//
// A layout is a type; LayoutList names them all, and kernels, tests and format_layouts.h expand the list. Files under isa/
// include this header, so it holds types only.
#include <cstddef>
#include <cstdint>

#include "ops/cpu/packed/code_plane.h"
#include "tensor/half.h"

namespace hearth::ops::cpu {

enum class Codes : uint8_t { kLinear, kTable };  // code = stored - zero, or table[stored] (4 bits)
enum class Shift : uint8_t { kNone, kMin };      // whether groups have a minimum to subtract

// One level of scales: weight = scale * code (- min).  Units of 32 inputs, groups of 16 or 32. A panel is a run of *steps* of at
// most 256 inputs: the scales of its units, then their codes, so that codes lie at multiples of 64 bytes and are read in order.
template <unsigned bits, unsigned group, Codes codes, Shift shift, class Scale_, unsigned largest = (1u << bits) - 1>
struct FlatBlock {
  static constexpr unsigned kBits = bits, kGroup = group, kInputs = 32, kGroups = kInputs / group;
  static constexpr unsigned kLargest = largest;
  static constexpr Codes kCodes = codes;
  static constexpr Shift kShift = shift;
  static constexpr bool kTwoLevels = false;
  using Scale = Scale_;

  struct Scales {
    Scale scales[kGroups][16];
    Scale mins[shift == Shift::kMin ? kGroups : 0][16];
  } scales;
  UnitPlanes<bits> planes;
};

// Two levels of scales: weight = (scale * sub_scale) * code (- min * sub_min).  Blocks of 256 inputs, groups of 16 or 32.
template <unsigned bits, unsigned group, Codes codes, Shift shift, class Scale_, unsigned largest = (1u << bits) - 1>
struct SuperBlock {
  static constexpr unsigned kBits = bits, kGroup = group, kInputs = 256, kGroups = kInputs / group;
  static constexpr unsigned kLargest = largest;
  static constexpr Codes kCodes = codes;
  static constexpr Shift kShift = shift;
  static constexpr bool kTwoLevels = true;
  using Scale = Scale_;

  Scale scales[16];
  Scale mins[shift == Shift::kMin ? 16 : 0];
  int8_t sub_scales[kGroups][16];
  int8_t sub_mins[shift == Shift::kMin ? kGroups : 0][16];
  UnitPlanes<bits> planes[8];
};

// Floats as they are: input i of row r at values[i][r]. One block per input.
template <class Value_>
struct FloatBlock {
  static constexpr unsigned kInputs = 1;
  using Value = Value_;
  Value values[16];
};

// The same in pairs of inputs, as instructions that multiply bf16 want them: input 2i + k of row r at values[i][r][k]. Past the
// last input: 0.
struct Bf16Pair {
  static constexpr unsigned kInputs = 2;
  Bf16 values[16][2];
};

template <class... L>
struct LayoutList {
  static constexpr size_t kCount = sizeof...(L);
};

using Layouts = LayoutList<  //
    FloatBlock<float>, FloatBlock<Fp16>, Bf16Pair,
    FlatBlock<2, 32, Codes::kLinear, Shift::kNone, Fp16>,         // Q1_0 Q2_0
    FlatBlock<4, 32, Codes::kLinear, Shift::kNone, Fp16>,         // Q4_0
    FlatBlock<4, 32, Codes::kLinear, Shift::kMin, Fp16>,          // Q4_1
    FlatBlock<5, 32, Codes::kLinear, Shift::kNone, Fp16>,         // Q5_0
    FlatBlock<5, 32, Codes::kLinear, Shift::kMin, Fp16>,          // Q5_1
    FlatBlock<8, 32, Codes::kLinear, Shift::kNone, Fp16>,         // Q8_0 Q8_1
    FlatBlock<4, 32, Codes::kTable, Shift::kNone, Fp16, 255>,     // IQ4_NL
    FlatBlock<4, 32, Codes::kTable, Shift::kNone, Bf16, 31>,      // MXFP4
    FlatBlock<4, 16, Codes::kTable, Shift::kNone, Fp16, 31>,      // NVFP4
    SuperBlock<2, 16, Codes::kLinear, Shift::kMin, Fp16>,         // Q2_K
    SuperBlock<3, 16, Codes::kLinear, Shift::kNone, Fp16>,        // Q3_K
    SuperBlock<4, 32, Codes::kLinear, Shift::kMin, Fp16>,         // Q4_K
    SuperBlock<5, 32, Codes::kLinear, Shift::kMin, Fp16>,         // Q5_K
    SuperBlock<6, 16, Codes::kLinear, Shift::kNone, Fp16>,        // Q6_K
    SuperBlock<2, 32, Codes::kLinear, Shift::kNone, Fp16>,        // TQ1_0 TQ2_0
    SuperBlock<8, 32, Codes::kLinear, Shift::kNone, float>,       // Q8_K
    SuperBlock<4, 32, Codes::kTable, Shift::kNone, Fp16, 255>,    // IQ4_XS
    SuperBlock<4, 32, Codes::kTable, Shift::kNone, float, 31>,    // IQ1_S IQ3_S
    SuperBlock<4, 32, Codes::kTable, Shift::kNone, float, 127>,   // IQ2_XXS IQ3_XXS
    SuperBlock<4, 16, Codes::kTable, Shift::kNone, float, 31>,    // IQ1_M
    SuperBlock<4, 16, Codes::kTable, Shift::kNone, float, 127>>;  // IQ2_XS IQ2_S

}  // namespace hearth::ops::cpu
