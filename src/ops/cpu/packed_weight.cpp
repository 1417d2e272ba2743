#include "ops/cpu/packed_weight.h"

#include "base/check.h"

namespace hearth::ops::cpu {

void PackedWeight::add(Part part) {
  layout_name = parts_.empty() || layout_name == part.packer->layout_name ? part.packer->layout_name : "mixed";
  bytes += part.panels() * part.panel_bytes;
  parts_.push_back(std::move(part));
}

void PackedWeight::read_row(uint32_t row, float* out) const {
  HEARTH_CHECK(row < rows, "a row of the weight");
  size_t p = parts_.size() - 1;
  while (parts_[p].first_row > row) --p;
  const uint32_t in_part = row - parts_[p].first_row;
  parts_[p].packer->read_row(*parts_[p].format, parts_[p].panel(in_part / kPanelRows), in_part % kPanelRows, columns, out);
}

}  // namespace hearth::ops::cpu
