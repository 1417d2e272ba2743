#pragma once
// One panel from its source rows, derived from the format's unpack() and the layout's planes. For each block of the file,
// row after row: unpack the codes and combine their bits into the words that the row contributes to the panel's vectors;
// then turn 16 rows of words into lines of 16. All loops have fixed lengths and no branches: the compiler makes vectors.
#include <algorithm>
#include <array>
#include <concepts>
#include <cstring>
#include <utility>

#include "ops/cpu/packed/format_layouts.h"
#include "ops/ops.h"

namespace hearth::ops::cpu {

// 16 rows of `words` words each, `stride` bytes apart, become `words` lines of 64 bytes: line i holds word i of every row.
HEARTH_ALWAYS_INLINE void turn_rows(const std::byte* rows, size_t stride, size_t words, std::byte* lines) {
  using Four = uint32_t __attribute__((vector_size(16)));
  size_t i = 0;
  for (; i + 4 <= words; i += 4)
    for (size_t r = 0; r < kPanelRows; r += 4) {
      Four a, b, c, d;
      const std::byte* from = rows + r * stride + i * 4;
      std::memcpy(&a, from, 16);
      std::memcpy(&b, from + stride, 16);
      std::memcpy(&c, from + 2 * stride, 16);
      std::memcpy(&d, from + 3 * stride, 16);
      const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const Four turned[4] = {
          __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
      for (size_t k = 0; k < 4; ++k) std::memcpy(lines + (i + k) * 64 + r * 4, &turned[k], 16);
    }
  for (; i < words; ++i)
    for (size_t r = 0; r < kPanelRows; ++r) std::memcpy(lines + i * 64 + r * 4, rows + r * stride + i * 4, 4);
}

// Where a flat panel keeps a unit: steps of eight units, first their scales and then their codes.
template <class L, class Byte>
struct FlatUnit {
  template <class T>
  using Like = std::conditional_t<std::is_const_v<Byte>, const T, T>;
  Like<typename L::Scales>* scales;
  Like<UnitPlanes<L::kBits>>* planes;

  FlatUnit(Byte* panel, uint32_t columns, uint32_t unit) {
    constexpr uint32_t kStepUnits = 8;
    const uint32_t in_step = unit % kStepUnits, first = unit - in_step;
    const uint32_t units = std::min(kStepUnits, columns / kUnitInputs - first);
    Byte* step = panel + first * sizeof(L);
    scales = reinterpret_cast<Like<typename L::Scales>*>(step) + in_step;
    planes = reinterpret_cast<Like<UnitPlanes<L::kBits>>*>(step + units * sizeof(typename L::Scales)) + in_step;
  }
};

// What one panel takes from one block of the file in every row: 16 rows by kBlockValues inputs.
template <class F>
class PanelBlock {
 public:
  using L = typename LayoutOf<F>::Type;
  using Block = typename F::Block;
  static constexpr uint32_t kUnits = F::kBlockValues / kUnitInputs;

  // Where file block `b` goes: a super-block, or units of a flat panel.
  using Places = std::conditional_t<L::kTwoLevels, L*, std::array<FlatUnit<L, std::byte>, kUnits>>;
  static HEARTH_ALWAYS_INLINE Places places(std::byte* panel, uint32_t columns, uint32_t b) {
    if constexpr (L::kTwoLevels) {
      return reinterpret_cast<L*>(panel) + b;
    } else {
      return [&]<uint32_t... u>(std::integer_sequence<uint32_t, u...>) __attribute__((always_inline)) {
        return Places{FlatUnit<L, std::byte>(panel, columns, b * kUnits + u)...};
      }(std::make_integer_sequence<uint32_t, kUnits>());
    }
  }

  HEARTH_ALWAYS_INLINE void put_row(unsigned row, const std::byte* from, const Places& to) {
    Block copy;
    const Block* block = reinterpret_cast<const Block*>(from);
    if (reinterpret_cast<uintptr_t>(from) % alignof(Block) != 0) {  // files need not align what they hold
      std::memcpy(&copy, from, sizeof copy);
      block = &copy;
    }
    alignas(64) uint8_t stored[F::kBlockValues];
    [&]<size_t... g>(std::index_sequence<g...>) __attribute__((always_inline)) {
      (unpack_group<g>(*block, row, stored, to), ...);
    }(std::make_index_sequence<F::kBlockValues / F::kGroupValues>());
    for (uint32_t u = 0; u < kUnits; ++u) {
      RowCodes codes;
      std::memcpy(codes, stored + u * kUnitInputs, sizeof codes);
      UnitPlanes<L::kBits>::row_words(codes, words_[row] + u * L::kBits);
    }
  }

  // Rows never put are zeros.
  HEARTH_ALWAYS_INLINE void put_codes(const Places& to) const {
    const auto* rows = reinterpret_cast<const std::byte*>(words_);
    if constexpr (L::kTwoLevels) {
      turn_rows(rows, sizeof words_[0], kUnits * L::kBits, reinterpret_cast<std::byte*>(to->planes));
    } else {
      for (uint32_t u = 0; u < kUnits; ++u)
        turn_rows(rows + u * L::kBits * 4, sizeof words_[0], L::kBits, reinterpret_cast<std::byte*>(to[u].planes));
    }
  }

 private:
  // The codes of group g as they are stored, and its map. Where unpack() writes eight codes at once, they go on as one word: a
  // vector wider than what was just written would have to wait for it.
  template <size_t g>
  HEARTH_ALWAYS_INLINE static void unpack_group(const Block& block, unsigned row, uint8_t* stored, const Places& to) {
    constexpr size_t n = F::kGroupValues;
    int8_t codes[n];
    if constexpr (requires { F::unpack_nibbles(block, g, codes); }) {
      put_map(block, F::unpack_nibbles(block, g, codes), g, row, to);
      std::memcpy(stored + g * n, codes, n);
    } else if constexpr (requires { F::kUnpacksWords; }) {
      put_map(block, F::unpack(block, g, codes), g, row, to);
      for (size_t i = 0; i < n; i += 8) {
        uint64_t eight;
        std::memcpy(&eight, codes + i, sizeof eight);
        if constexpr (TableFormat<F>) eight = CodeTable<F>::places_of(eight);
        else eight = add_to_bytes<code_zero<F>()>(eight);
        std::memcpy(stored + g * n + i, &eight, sizeof eight);
      }
    } else {
      put_map(block, F::unpack(block, g, codes), g, row, to);
      for (size_t i = 0; i < n; ++i) stored[g * n + i] = static_cast<uint8_t>(codes[i] + code_zero<F>());
    }
  }

  // The file's group may be longer than the layout's: then several share a map.
  template <class Map>
  HEARTH_ALWAYS_INLINE static void put_map(const Block& block, const Map& map, size_t file_group, unsigned row, const Places& to) {
    constexpr size_t kSame = F::kGroupValues / L::kGroup;
    for (size_t g = file_group * kSame; g < (file_group + 1) * kSame; ++g) {
      if constexpr (L::kTwoLevels) {
        to->sub_scales[g][row] = static_cast<int8_t>(map.sub_scale);
        if (g == 0) to->scales[row] = exact_scale(block, map);
        if constexpr (L::kShift == Shift::kMin) {
          to->sub_mins[g][row] = static_cast<int8_t>(map.sub_min);
          if (g == 0) to->mins[row] = exact_min(block, map);
        }
      } else {
        typename L::Scales& scales = *to[g / L::kGroups].scales;
        scales.scales[g % L::kGroups][row] = exact_scale(block, map);
        if constexpr (L::kShift == Shift::kMin) scales.mins[g % L::kGroups][row] = exact_min(block, map);
      }
    }
  }

  // Where block and layout both hold a half, the bits go over as they are; elsewhere the float is known to fit.
  template <class Map>
  HEARTH_ALWAYS_INLINE static auto exact_scale(const Block& block, const Map& map) {
    using Scale = typename L::Scale;
    if constexpr (requires { requires std::same_as<decltype(block.scale), Scale>; }) return block.scale;
    else if constexpr (std::same_as<Scale, float>) return map.scale;
    else return Scale::from(map.scale);
  }
  template <class Map>
  HEARTH_ALWAYS_INLINE static auto exact_min(const Block& block, const Map& map) {
    using Scale = typename L::Scale;
    if constexpr (requires { requires std::same_as<decltype(block.min), Scale>; }) return block.min;
    else return Scale::from(map.min);
  }

  alignas(64) uint32_t words_[kPanelRows][kUnits * L::kBits] = {};
};

// The rows of a panel are 16 short runs of memory, too short for the processor to see a pattern in time: a panel asks for the
// bytes of the next one, which follow its own, piece by piece.
HEARTH_ALWAYS_INLINE void fetch_ahead(const std::byte* from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) __builtin_prefetch(from + i, 0, 2);
}

// Rows [16 * panel, 16 * panel + 16) of the part; rows past its end become zeros.
template <class F>
HEARTH_ALWAYS_INLINE void pack_grouped(const WeightSource& part, uint32_t panel, std::byte* out) {
  using L = typename LayoutOf<F>::Type;
  using Block = typename F::Block;
  const size_t blocks = part.columns / F::kBlockValues, row_bytes = blocks * sizeof(Block);
  const uint32_t first_row = panel * kPanelRows, rows = std::min(kPanelRows, part.rows - first_row);
  if (rows < kPanelRows) std::memset(out, 0, size_t{part.columns} / L::kInputs * sizeof(L));
  const std::byte* from = part.bytes.data() + first_row * row_bytes;
  PanelBlock<F> block;
  for (uint32_t b = 0; b < blocks; ++b, from += sizeof(Block)) {
    const auto to = PanelBlock<F>::places(out, part.columns, b);
    fetch_ahead(part.bytes.data() + (first_row + kPanelRows) * row_bytes + b * kPanelRows * sizeof(Block), kPanelRows * sizeof(Block));
    for (uint32_t r = 0; r < rows; ++r) block.put_row(r, from + r * row_bytes, to);
    block.put_codes(to);
  }
}

// Floats stand input after input, 16 rows side by side: lines of words, or of the low and high halves of words.
template <class V>
HEARTH_ALWAYS_INLINE void pack_floats(const WeightSource& part, uint32_t panel, std::byte* out) {
  constexpr uint32_t kAtOnce = 256 / sizeof(V), kPerWord = 4 / sizeof(V);
  auto* packed = reinterpret_cast<FloatBlock<V>*>(out);
  const uint32_t first_row = panel * kPanelRows, rows = std::min(kPanelRows, part.rows - first_row);
  const size_t row_bytes = part.columns * sizeof(V);
  const std::byte* from = part.bytes.data() + first_row * row_bytes;
  uint32_t i = 0;
  if (rows < kPanelRows) std::memset(out, 0, size_t{part.columns} * sizeof(FloatBlock<V>));
  for (; rows == kPanelRows && i + kAtOnce <= part.columns; i += kAtOnce) {
    fetch_ahead(from + kPanelRows * (row_bytes + i * sizeof(V)), kPanelRows * kAtOnce * sizeof(V));
    if constexpr (kPerWord == 1) {
      turn_rows(from + i * sizeof(V), row_bytes, kAtOnce, reinterpret_cast<std::byte*>(packed + i));
    } else {
      alignas(64) uint32_t lines[kAtOnce / 2][16];
      turn_rows(from + i * sizeof(V), row_bytes, kAtOnce / 2, reinterpret_cast<std::byte*>(lines));
      for (uint32_t w = 0; w < kAtOnce / 2; ++w)
        for (uint32_t r = 0; r < 16; ++r) {
          packed[i + 2 * w].values[r].bits = static_cast<uint16_t>(lines[w][r]);
          packed[i + 2 * w + 1].values[r].bits = static_cast<uint16_t>(lines[w][r] >> 16);
        }
    }
  }
  for (; i < part.columns; ++i)
    for (uint32_t r = 0; r < rows; ++r) std::memcpy(&packed[i].values[r], from + r * row_bytes + i * sizeof(V), sizeof(V));
}

}  // namespace hearth::ops::cpu
