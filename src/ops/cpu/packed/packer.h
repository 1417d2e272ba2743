#pragma once
// Re-lays weights of one format into its layout and reads them back, as data: one Packer per format, in the order of
// quant::formats().
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ops/ops.h"

namespace hearth::ops::cpu {

struct Packer {
  std::string_view layout_name;   // "4-bit super-blocks"
  size_t layout;                  // place in Layouts; of FloatBlock<float> where rows stay as stored
  bool stored;                    // rows stay as stored and are decoded before every use
  uint32_t activation_group;      // 0: floats; 32 or 256: 8-bit codes with a scale per group
  bool bf16;                      // floats in bf16, for which some kernels round activations (ProductTable::round_bf16)
  int32_t zero;
  const uint8_t* table;           // 16 entries with zero added, or null

  size_t (*panel_bytes)(const WeightSource& part);

  // Packs rows [16 * panel, 16 * panel + 16) of the part; rows past the end become zeros. Writes all panel_bytes of `out`.
  void (*pack_panel)(const WeightSource& part, uint32_t panel, std::byte* out);

  // One row of a packed panel as floats, equal to what the format decodes to, bit for bit.
  void (*read_row)(const quant::Format& format, const std::byte* panel, uint32_t row_in_panel, uint32_t columns, float* out);
};

const Packer& packer_of(const quant::Format& format);

}  // namespace hearth::ops::cpu
