#include "ops/cpu/packed/packer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "ops/cpu/packed/format_layouts.h"

namespace hearth::ops::cpu {

namespace {

template <class T>
T scale_from(float value) {
  if constexpr (std::same_as<T, float>) return value;
  else return T::from(value);
}

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

// stored form of every int8 code, by code + 128
template <class F>
constexpr std::array<uint8_t, 256> stored_codes() {
  std::array<uint8_t, 256> stored{};
  if constexpr (TableFormat<F>) {
    for (size_t i = 16; i-- > 0;) stored[static_cast<size_t>(CodeTable<F>::kValues[i] + 128)] = static_cast<uint8_t>(i);
  } else {
    for (int code = F::kCodes.lo; code <= F::kCodes.hi; ++code)
      stored[static_cast<size_t>(code + 128)] = static_cast<uint8_t>(code + code_zero<F>());
  }
  return stored;
}
template <class F>
constexpr std::array<uint8_t, 256> kStoredCodes = stored_codes<F>();

template <class F>
int code_of(uint8_t stored) {
  if constexpr (TableFormat<F>) return CodeTable<F>::kValues[stored];
  else return stored - code_zero<F>();
}

// The groups of one row within 256 inputs (or one file block, if that is longer... it never is).
template <class F>
struct RowGroups {
  using Map = typename LayoutOf<F>::Map;
  static constexpr size_t kGroup = LayoutOf<F>::kGroup;  // what the layout calls a group; the file's may be longer
  uint8_t stored[F::kBlockValues];
  Map maps[F::kBlockValues / kGroup];

  void read(const std::byte* from) {
    typename F::Block block;
    std::memcpy(&block, from, sizeof block);
    for (size_t first = 0; first < F::kBlockValues; first += F::kGroupValues) {
      int8_t codes[F::kGroupValues];
      const Map map = F::unpack(block, first / F::kGroupValues, codes);
      for (size_t i = 0; i < F::kGroupValues; ++i) stored[first + i] = kStoredCodes<F>[static_cast<uint8_t>(codes[i] + 128)];
      for (size_t i = 0; i < F::kGroupValues; i += kGroup) maps[(first + i) / kGroup] = map;
    }
  }
};

void put_codes(const uint8_t* stored, unsigned row, UnitCodes& unit) {
  for (unsigned q = 0; q < 8; ++q) std::memcpy(unit.quads[q] + 4 * row, stored + 4 * q, 4);
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

template <class L, class Map>
void put_sub_scales(L& block, unsigned group, unsigned row, const Map& map) {
  using Scale = typename L::Scale;
  block.sub_scales[group][row] = static_cast<int8_t>(map.sub_scale);
  block.scales[row] = scale_from<Scale>(map.scale);
  if constexpr (L::kShift == Shift::kMin) {
    block.sub_mins[group][row] = static_cast<int8_t>(map.sub_min);
    block.mins[row] = scale_from<Scale>(map.min);
  }
}

template <class L, class Map>
void put_scales(typename L::Scales& scales, unsigned group, unsigned row, const Map& map) {
  using Scale = typename L::Scale;
  scales.scales[group][row] = scale_from<Scale>(map.scale);
  if constexpr (L::kShift == Shift::kMin) scales.mins[group][row] = scale_from<Scale>(map.min);
}

template <class F>
void pack_grouped(const WeightSource& part, uint32_t panel, std::byte* out) {
  using L = typename LayoutOf<F>::Type;
  constexpr uint32_t kUnits = F::kBlockValues / kUnitInputs, kGroupsPerUnit = kUnitInputs / L::kGroup;
  const size_t blocks = part.columns / F::kBlockValues, row_bytes = blocks * sizeof(typename F::Block);
  const uint32_t first_row = panel * kPanelRows, rows = std::min(kPanelRows, part.rows - first_row);
  for (uint32_t b = 0; b < blocks; ++b) {
    UnitCodes units[kUnits] = {};
    for (uint32_t r = 0; r < rows; ++r) {
      RowGroups<F> row;
      row.read(part.bytes.data() + (first_row + r) * row_bytes + b * sizeof(typename F::Block));
      for (uint32_t u = 0; u < kUnits; ++u) {
        put_codes(row.stored + u * kUnitInputs, r, units[u]);
        for (unsigned g = 0; g < kGroupsPerUnit; ++g) {
          const auto& map = row.maps[u * kGroupsPerUnit + g];
          if constexpr (L::kTwoLevels) put_sub_scales(reinterpret_cast<L*>(out)[b], u * kGroupsPerUnit + g, r, map);
          else put_scales<L>(*FlatUnit<L, std::byte>(out, part.columns, b * kUnits + u).scales, g, r, map);
        }
      }
    }
    for (uint32_t u = 0; u < kUnits; ++u)
      if constexpr (L::kTwoLevels) reinterpret_cast<L*>(out)[b].planes[u].set(units[u]);
      else FlatUnit<L, std::byte>(out, part.columns, b * kUnits + u).planes->set(units[u]);
  }
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
void pack_floats(const WeightSource& part, uint32_t panel, std::byte* out) {
  auto* packed = reinterpret_cast<FloatBlock<V>*>(out);
  const uint32_t first_row = panel * kPanelRows, rows = std::min(kPanelRows, part.rows - first_row);
  for (uint32_t r = 0; r < rows; ++r) {
    const std::byte* row = part.bytes.data() + size_t{first_row + r} * part.columns * sizeof(V);
    for (uint32_t i = 0; i < part.columns; ++i) std::memcpy(&packed[i].values[r], row + i * sizeof(V), sizeof(V));
  }
}

template <class V>
void read_float_row(const quant::Format&, const std::byte* panel, uint32_t row, uint32_t columns, float* out) {
  const auto* packed = reinterpret_cast<const FloatBlock<V>*>(panel);
  for (uint32_t i = 0; i < columns; ++i) out[i] = packed[i].values[row];
}

void pack_bf16(const WeightSource& part, uint32_t panel, std::byte* out) {
  auto* packed = reinterpret_cast<Bf16Pair*>(out);
  const uint32_t first_row = panel * kPanelRows, rows = std::min(kPanelRows, part.rows - first_row);
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

size_t stored_row_bytes(const quant::Format& format, uint32_t columns) {
  return size_t{columns} / format.block_values * format.block_bytes;
}

size_t stored_panel_bytes(const WeightSource& part) { return kPanelRows * stored_row_bytes(*part.format, part.columns); }

void copy_stored(const WeightSource& part, uint32_t panel, std::byte* out) {
  const size_t bytes = stored_row_bytes(*part.format, part.columns);
  const uint32_t first_row = panel * kPanelRows, rows = std::min(kPanelRows, part.rows - first_row);
  std::memcpy(out, part.bytes.data() + first_row * bytes, rows * bytes);
}

void read_stored_row(const quant::Format& format, const std::byte* panel, uint32_t row, uint32_t columns, float* out) {
  format.decode(panel + row * stored_row_bytes(format, columns), columns / format.block_values, out);
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
              TableFormat<F> ? kShiftedTable<F>.data() : nullptr, &packed_panel_bytes<L>, &pack_grouped<F>,
              &read_grouped_row<F>};
    else if constexpr (std::same_as<L, Bf16Pair>)
      return {layout_name<L>(), kPlace, false, 0, true, 0, nullptr, &packed_panel_bytes<L>, &pack_bf16, &read_bf16_row};
    else
      return {layout_name<L>(), kPlace, false, 0, false, 0, nullptr, &packed_panel_bytes<L>, &pack_floats<typename L::Value>,
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
