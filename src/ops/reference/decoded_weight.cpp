#include "ops/reference/decoded_weight.h"

#include "base/check.h"
#include "ops/weight_source.h"

namespace hearth::ops::reference {

Result<std::unique_ptr<Weight>> DecodedWeight::make(std::span<const WeightSource> parts) {
  HEARTH_TRY_VOID(check_sources(parts));
  auto weight = std::make_unique<DecodedWeight>();
  describe(parts, *weight);
  weight->layout_name = "as stored";
  uint32_t first_row = 0;
  for (const WeightSource& part : parts) {
    weight->parts_.push_back({part.format, first_row, {part.bytes.begin(), part.bytes.end()}});
    weight->bytes += part.rows * row_bytes(part);
    first_row += part.rows;
  }
  return weight;
}

void DecodedWeight::decode_row(uint32_t row, std::span<float> out) const {
  HEARTH_CHECK(row < rows && out.size() == columns, "a row of the weight");
  size_t p = parts_.size() - 1;
  while (parts_[p].first_row > row) --p;
  const quant::Format& format = *parts_[p].format;
  format.decode(parts_[p].bytes.data() + (row - parts_[p].first_row) * format.row_bytes(columns), columns / format.block_values, out.data());
}

const DecodedWeight& decoded(const Weight& weight) { return static_cast<const DecodedWeight&>(weight); }

}  // namespace hearth::ops::reference
