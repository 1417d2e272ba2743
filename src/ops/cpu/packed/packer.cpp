#include "ops/cpu/packed/packer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "ops/cpu/packed/pack_panel.h"
#include "ops/weight_source.h"

namespace hearth::ops::cpu {

namespace {

// --- grouped formats -------------------------------------------------------------------------------------------------------

template <class F>
constexpr std::array<uint8_t, 16> shifted_table() {
  std::array<uint8_t, 16> table{};
  if constexpr (TableFormat<F>)
    for (size_t i = 0; i < 16; ++i) table[i] = static_cast<uint8_t>(CodeTable<F>::kValues[i] + code_zero<F>());
  return table;
}
template <class F>
constexpr std::array<uint8_t, 16> kShiftedTable = shifted_table<F>();

template <class F>
int code_of(uint8_t stored) {
  if constexpr (TableFormat<F>) return CodeTable<F>::kValues[stored];
  else return stored - code_zero<F>();
}

// Mirrors quant::decode_group, operation by operation.
template <class F>
void read_grouped_row(const quant::Format&, const std::byte* panel, uint32_t row, uint32_t columns, float* out) {
  using L = typename LayoutOf<F>::Type;
  for (uint32_t i = 0; i < columns; ++i) {
    const uint32_t in_block = i % L::kInputs, group = in_block / L::kGroup;
    float scale, min = 0;
    uint8_t stored;
    if constexpr (L::kTwoLevels) {
      const L& block = reinterpret_cast<const L*>(panel)[i / L::kInputs];
      stored = block.planes[in_block / kUnitInputs].get(row, in_block % kUnitInputs);
      scale = static_cast<float>(block.scales[row]) * static_cast<float>(block.sub_scales[group][row]);
      if constexpr (L::kShift == Shift::kMin)
        min = static_cast<float>(block.mins[row]) * static_cast<float>(block.sub_mins[group][row]);
    } else {
      const FlatUnit<L, const std::byte> unit(panel, columns, i / kUnitInputs);
      stored = unit.planes->get(row, in_block);
      scale = unit.scales->scales[group][row];
      if constexpr (L::kShift == Shift::kMin) min = unit.scales->mins[group][row];
    }
    out[i] = scale * static_cast<float>(code_of<F>(stored));
    if constexpr (L::kShift == Shift::kMin) out[i] -= min;
  }
}

template <class L>
size_t packed_panel_bytes(const WeightSource& part) {
  return (size_t{part.columns} + L::kInputs - 1) / L::kInputs * sizeof(L);
}

// --- floats ----------------------------------------------------------------------------------------------------------------

template <class V>
void read_float_row(const quant::Format&, const std::byte* panel, uint32_t row, uint32_t columns, float* out) {
  const auto* packed = reinterpret_cast<const FloatBlock<V>*>(panel);
  for (uint32_t i = 0; i < columns; ++i) out[i] = packed[i].values[row];
}

// Two inputs are one word: pairs turn as floats do. An odd last input, which no real model has, goes value by value.
void pack_bf16(const WeightSource& part, uint32_t panel, std::byte* out) {
  if (part.columns % 2 == 0) {
    WeightSource words = part;
    words.columns /= 2;
    return pack_floats<float>(words, panel, out);
  }
  auto* packed = reinterpret_cast<Bf16Pair*>(out);
  const uint32_t first_row = panel * kPanelRows, rows = std::min(kPanelRows, part.rows - first_row);
  std::memset(out, 0, packed_panel_bytes<Bf16Pair>(part));
  for (uint32_t r = 0; r < rows; ++r) {
    const std::byte* row = part.bytes.data() + size_t{first_row + r} * part.columns * sizeof(Bf16);
    for (uint32_t i = 0; i < part.columns; ++i) std::memcpy(&packed[i / 2].values[r][i % 2], row + i * sizeof(Bf16), sizeof(Bf16));
  }
}

void read_bf16_row(const quant::Format&, const std::byte* panel, uint32_t row, uint32_t columns, float* out) {
  const auto* packed = reinterpret_cast<const Bf16Pair*>(panel);
  for (uint32_t i = 0; i < columns; ++i) out[i] = packed[i / 2].values[row][i % 2];
}

// --- everything else: as stored --------------------------------------------------------------------------------------------

size_t stored_panel_bytes(const WeightSource& part) { return kPanelRows * row_bytes(part); }

void copy_stored(const WeightSource& part, uint32_t panel, std::byte* out) {
  const size_t bytes = row_bytes(part);
  const uint32_t first_row = panel * kPanelRows, rows = std::min(kPanelRows, part.rows - first_row);
  std::memcpy(out, part.bytes.data() + first_row * bytes, rows * bytes);
  std::memset(out + rows * bytes, 0, (kPanelRows - rows) * bytes);
}

void read_stored_row(const quant::Format& format, const std::byte* panel, uint32_t row, uint32_t columns, float* out) {
  format.decode(panel + row * format.row_bytes(columns), columns / format.block_values, out);
}

// --- the list --------------------------------------------------------------------------------------------------------------

template <class L>
constexpr std::string_view layout_name() {
  if constexpr (std::same_as<L, FloatBlock<float>>) return "f32 panels";
  else if constexpr (std::same_as<L, FloatBlock<Fp16>>) return "f16 panels";
  else if constexpr (std::same_as<L, Bf16Pair>) return "bf16 panels";
  else if constexpr (L::kCodes == Codes::kTable) return L::kTwoLevels ? "table super-blocks" : "table blocks";
  else {
    constexpr std::string_view kNames[2][9] = {
        {"", "", "2-bit blocks", "", "4-bit blocks", "5-bit blocks", "", "", "8-bit blocks"},
        {"", "", "2-bit super-blocks", "3-bit super-blocks", "4-bit super-blocks", "5-bit super-blocks",
         "6-bit super-blocks", "", "8-bit super-blocks"}};
    return kNames[L::kTwoLevels][L::kBits];
  }
}

// Flattened, so that every step is part of the loops that the compiler turns into vectors.
template <class F>
[[gnu::flatten]] void pack(const WeightSource& part, uint32_t panel, std::byte* out) {
  if constexpr (quant::GroupedFormat<F>) pack_grouped<F>(part, panel, out);
  else pack_floats<typename LayoutOf<F>::Type::Value>(part, panel, out);
}

template <class F>
constexpr Packer make_packer() {
  using L = typename LayoutOf<F>::Type;
  if constexpr (std::same_as<L, void>) {
    return {"as stored", PlaceIn<Layouts, FloatBlock<float>>::kPlace, true, 0, false, 0, nullptr,
            &stored_panel_bytes, &copy_stored, &read_stored_row};
  } else {
    constexpr size_t kPlace = PlaceIn<Layouts, L>::kPlace;
    static_assert(kPlace < Layouts::kCount, "this format's layout is not in the list of layouts.h");
    if constexpr (quant::GroupedFormat<F>)
      return {layout_name<L>(), kPlace, false, L::kTwoLevels ? 256u : 32u, false, code_zero<F>(),
              TableFormat<F> ? kShiftedTable<F>.data() : nullptr, &packed_panel_bytes<L>, &pack<F>, &read_grouped_row<F>};
    else if constexpr (std::same_as<L, Bf16Pair>)
      return {layout_name<L>(), kPlace, false, 0, true, 0, nullptr, &packed_panel_bytes<L>, &pack_bf16, &read_bf16_row};
    else
      return {layout_name<L>(), kPlace, false, 0, false, 0, nullptr, &packed_panel_bytes<L>, &pack<F>,
              &read_float_row<typename L::Value>};
  }
}

template <class... F>
constexpr std::array<Packer, sizeof...(F)> make_packers(quant::CodecList<F...>) {
  return {make_packer<F>()...};
}

constexpr auto kPackers = make_packers(quant::Codecs{});

}  // namespace

const Packer& packer_of(const quant::Format& format) { return kPackers[static_cast<size_t>(quant::id_of(format))]; }

}  // namespace hearth::ops::cpu
