#pragma once
// Where kernels switch, as data: one row per instruction set and maker of processors, measured where the row says so.
// Choices change speed and never results.
#include <cstdint>

#include "ops/cpu/kernel_table.h"

namespace hearth::ops::cpu {

struct ProductChoices {
  // Up to so many rows, a step's weights are unpacked in registers for every tile of rows; for more rows once, in memory.
  uint32_t direct_rows;        // integer layouts
  uint32_t direct_float_rows;  // 16-bit floats
  uint32_t tile_rows;          // as many rows and more go through tiles, where the table has them
  uint32_t fetch_steps;        // PanelProduct::fetch_steps
};

ProductChoices product_choices(const KernelTable& kernels);  // for this processor

}  // namespace hearth::ops::cpu
