#pragma once
// Where kernels switch, as data: per packed layout, from a table by instruction set and maker of processors (choices.cpp) or as
// measured on this machine (tuning.h).
//
// Choices change speed and never results. They choose among kernels that give the same bits for the same row: weights unpacked
// in registers or in memory, the order of reading and of memory requests, and tiles only where a table has them beside plain kernels
// (ProductTable::by_tiles). Where kernels differ in their bits, as bf16 panels through tiles do, a table has only one of them
// and there is nothing to choose. A test holds this for every layout and instruction set (tests/tuning_test.cpp).
#include <array>
#include <cstdint>

#include "ops/cpu/kernel_table.h"

namespace hearth::ops::cpu {

struct LayoutChoices {
  uint32_t direct_rows = 0;  // up to so many rows, weights are unpacked in registers for every tile of rows; for more once, in memory
  uint32_t tile_rows = 0;    // as many rows and more go through tiles, where the table has them
  uint32_t fetch_rows = 0;   // as many rows and more ask for weights ahead; fewer leave it to the processor
  uint32_t fetch_steps = 0;  // by so many steps (PanelProduct::fetch_steps)
  bool two_panels = false;   // one row alone reads two panels by turns, and asks for nothing ahead

  bool operator==(const LayoutChoices&) const = default;
};
using ProductChoices = std::array<LayoutChoices, Layouts::kCount>;  // [place in Layouts]

ProductChoices product_choices(const KernelTable& kernels);  // of the table, for this processor

}  // namespace hearth::ops::cpu
