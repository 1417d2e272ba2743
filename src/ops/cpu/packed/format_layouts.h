#pragma once
// Which layout a weight format is packed into. Derived from the format's struct (quant/codecs.h): the width from the bounds of
// its codes, one or two levels of scales from its block size, the minimum from what unpack() returns.
#include <algorithm>
#include <concepts>
#include <type_traits>

#include "ops/cpu/packed/layouts.h"
#include "quant/codecs.h"

namespace hearth::ops::cpu {

// Formats whose codes are kept as places in a table of sixteen: those that store such places (unpack_nibbles), and grid
// formats, whose vectors hold few distinct values. There places_of() is the inverse of the table, for eight
// codes at once, where looking up would go code by code.
template <class F>
struct CodeTable {};
template <class F>
  requires requires { F::kTable; }
struct CodeTable<F> {
  static constexpr quant::Values16 kValues = F::kTable;
};

constexpr uint64_t kEachByte = 0x0101010101010101u;

// Adds to eight signed bytes at once what makes none of them negative. With the top bits turned they are codes + 128, from which
// 128 - kZero can be taken without a borrow.
template <unsigned kZero>
  requires(kZero <= 128)
constexpr uint64_t add_to_bytes(uint64_t codes) {
  return kZero == 0 ? codes : (codes ^ 128 * kEachByte) - (128 - kZero) * kEachByte;
}

struct Iq1Values {
  static constexpr quant::Values16 kValues = {-9, -7, -1, 1, 7, 9};
  static constexpr uint64_t places_of(uint64_t codes) {  // steps of 2 and 8 from the first: 2 (s / 8) + s / 2 % 2
    const uint64_t steps = add_to_bytes<9>(codes);
    return (steps >> 2 & 6 * kEachByte) | (steps >> 1 & kEachByte);
  }
};
struct Iq2Values {
  static constexpr quant::Values16 kValues = {-43, -25, -8, 8, 25, 43};
  static constexpr uint64_t places_of(uint64_t codes) { return add_to_bytes<48>(codes) >> 4 & 15 * kEachByte; }
};
struct Iq3XxsValues {
  static constexpr quant::Values16 kValues = {-62, -52, -44, -36, -28, -20, -12, -4, 4, 12, 20, 28, 36, 44, 52, 62};
  static constexpr uint64_t places_of(uint64_t codes) { return add_to_bytes<64>(codes) >> 3 & 15 * kEachByte; }
};
struct Iq3SValues {
  static constexpr quant::Values16 kValues = {-15, -13, -11, -9, -7, -5, -3, -1, 1, 3, 5, 7, 9, 11, 13, 15};
  static constexpr uint64_t places_of(uint64_t codes) { return add_to_bytes<15>(codes) >> 1 & 15 * kEachByte; }
};
template <class Table>
constexpr bool places_are_right() {
  for (unsigned i = 0; i < 16 && (i == 0 || Table::kValues[i] != 0); ++i)  // zeros behind the last value are padding
    if (Table::places_of(kEachByte * static_cast<uint8_t>(Table::kValues[i])) != i * kEachByte) return false;
  return true;
}
static_assert(places_are_right<Iq1Values>() && places_are_right<Iq2Values>() && places_are_right<Iq3XxsValues>() &&
              places_are_right<Iq3SValues>());

template <> struct CodeTable<quant::IQ1_S> : Iq1Values {};
template <> struct CodeTable<quant::IQ1_M> : Iq1Values {};
template <> struct CodeTable<quant::IQ2_XXS> : Iq2Values {};
template <> struct CodeTable<quant::IQ2_XS> : Iq2Values {};
template <> struct CodeTable<quant::IQ2_S> : Iq2Values {};
template <> struct CodeTable<quant::IQ3_XXS> : Iq3XxsValues {};
template <> struct CodeTable<quant::IQ3_S> : Iq3SValues {};

template <class F>
concept TableFormat = requires { CodeTable<F>::kValues; };

// A scale that keeps every value the format's scales can take.
template <class F>
struct ScaleType {
  using Type = Fp16;
};
template <> struct ScaleType<quant::MXFP4> { using Type = Bf16; };  // powers of two down to 2^-128
template <> struct ScaleType<quant::Q8_K> { using Type = float; };
template <class F>
  requires std::derived_from<CodeTable<F>, Iq1Values> || std::derived_from<CodeTable<F>, Iq2Values> ||
           std::same_as<F, quant::IQ3_XXS> || std::same_as<F, quant::IQ3_S>
struct ScaleType<F> {
  using Type = float;  // a half divided by 8: its last bits may fall out of half's range
};

template <class F>
constexpr unsigned code_bits() {
  if constexpr (TableFormat<F>) return 4;
  const int range = F::kCodes.hi - F::kCodes.lo;
  return range < 4 ? 2 : range < 8 ? 3 : range < 16 ? 4 : range < 32 ? 5 : range < 64 ? 6 : 8;
}

// What is added to a code to store it, or to a table entry to multiply with it.
template <class F>
constexpr int code_zero() {
  if constexpr (TableFormat<F>) {
    int least = 0;
    for (int value : CodeTable<F>::kValues) least = value < least ? value : least;
    return -least;
  }
  return -F::kCodes.lo;
}

// A bound of what is stored, or of table entries with their zero: of all codes that so many bits hold, or one that few layouts share.
template <class F>
constexpr unsigned largest_code() {
  if constexpr (TableFormat<F>) {
    const int largest = *std::ranges::max_element(CodeTable<F>::kValues) + code_zero<F>();
    return largest < 32 ? 31 : largest < 128 ? 127 : 255;
  } else {
    return (1u << code_bits<F>()) - 1;
  }
}

// void: no layout of its own; rows stay as stored and are decoded to floats at every use.
template <class F>
struct LayoutOf {
  using Type = void;
};
template <> struct LayoutOf<quant::F32> { using Type = FloatBlock<float>; };
template <> struct LayoutOf<quant::F16> { using Type = FloatBlock<Fp16>; };
template <> struct LayoutOf<quant::BF16> { using Type = Bf16Pair; };

template <quant::GroupedFormat F>
struct LayoutOf<F> {
  using Map = decltype(F::unpack({}, 0, std::declval<quant::Codes<F::kGroupValues>>()));
  static constexpr Shift kShift = std::same_as<Map, quant::Shifted> ? Shift::kMin : Shift::kNone;
  static constexpr Codes kCodes = TableFormat<F> ? Codes::kTable : Codes::kLinear;
  static constexpr unsigned kGroup = F::kGroupValues < 32 ? F::kGroupValues : 32;
  using Scale = typename ScaleType<F>::Type;
  using Type = std::conditional_t<F::kBlockValues == 256, SuperBlock<code_bits<F>(), kGroup, kCodes, kShift, Scale, largest_code<F>()>,
                                  FlatBlock<code_bits<F>(), kGroup, kCodes, kShift, Scale, largest_code<F>()>>;
};

template <class List, class L>
struct PlaceIn;
template <class... Ls, class L>
struct PlaceIn<LayoutList<Ls...>, L> {
  static constexpr size_t find() {
    size_t place = 0;
    const bool found = ((std::same_as<Ls, L> || (++place, false)) || ...);
    return found ? place : sizeof...(Ls);
  }
  static constexpr size_t kPlace = find();
};

}  // namespace hearth::ops::cpu
