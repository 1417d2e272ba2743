#include "ops/cpu/packed_weight.h"

#include <algorithm>

#include "base/check.h"
#include "ops/weight_source.h"

namespace hearth::ops::cpu {

static PackedWeight::Part pack_part(const WeightSource& source, uint32_t first_row, ThreadPool& pool) {
  const Packer& packer = packer_of(*source.format);
  PackedWeight::Part part{&packer, source.format, first_row, source.rows, packer.panel_bytes(source), {}};
  part.memory = Buffer(part.panels() * part.panel_bytes);
  std::byte* first = part.memory.bytes();
  pool.parallel(part.panels(), [&](size_t p, unsigned) {
    packer.pack_panel(source, static_cast<uint32_t>(p), first + p * part.panel_bytes);
  });
  return part;
}

Result<std::unique_ptr<Weight>> PackedWeight::make(std::span<const WeightSource> sources, ThreadPool& pool) {
  HEARTH_TRY_VOID(check_sources(sources));
  auto weight = std::make_unique<PackedWeight>();
  describe(sources, *weight);
  uint32_t first_row = 0;
  for (const WeightSource& source : sources) {
    weight->parts_.push_back(pack_part(source, first_row, pool));
    weight->bytes += weight->parts_.back().memory.size();
    first_row += source.rows;
  }
  const auto& parts = weight->parts_;
  const bool same = std::ranges::all_of(parts, [&](const Part& p) { return p.packer->layout_name == parts[0].packer->layout_name; });
  weight->layout_name = same ? parts[0].packer->layout_name : "mixed";
  return weight;
}

void PackedWeight::read_row(uint32_t row, float* out) const {
  HEARTH_CHECK(row < rows, "a row of the weight");
  size_t p = parts_.size() - 1;
  while (parts_[p].first_row > row) --p;
  const uint32_t in_part = row - parts_[p].first_row;
  parts_[p].packer->read_row(*parts_[p].format, parts_[p].panel(in_part / kPanelRows), in_part % kPanelRows, columns, out);
}

}  // namespace hearth::ops::cpu
