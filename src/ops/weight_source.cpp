#include "ops/weight_source.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::ops {

Result<void> check_sources(std::span<const WeightSource> parts) {
  HEARTH_CHECK(!parts.empty(), "a weight has at least one part");
  for (const WeightSource& part : parts) {
    HEARTH_CHECK(part.format != nullptr, "a weight source names its format");
    if (part.columns != parts[0].columns)
      return fail(ErrorCode::kBadFile, "{} has {} columns, but {}, stacked with it, has {}", part.name, part.columns,
                  parts[0].name, parts[0].columns);
    if (part.columns % part.format->block_values != 0)
      return fail(ErrorCode::kBadFile, "{} has rows of {} values, which are not whole {} blocks of {}", part.name,
                  part.columns, part.format->name, part.format->block_values);
    if (!part.bytes.empty() && part.bytes.size() != part.rows * row_bytes(part))
      return fail(ErrorCode::kBadFile, "{} has {} bytes, but {}×{} {} values take {}", part.name, part.bytes.size(),
                  part.rows, part.columns, part.format->name, part.rows * row_bytes(part));
  }
  return {};
}

size_t row_bytes(const WeightSource& part) {
  return part.format->row_bytes(part.columns);
}

std::string_view common_format_name(std::span<const WeightSource> parts) {
  const bool same = std::ranges::all_of(parts, [&](const WeightSource& p) { return p.format == parts[0].format; });
  return same ? parts[0].format->name : "mixed";
}

void describe(std::span<const WeightSource> parts, Weight& weight) {
  weight.rows = 0;
  for (const WeightSource& part : parts) weight.rows += part.rows;
  weight.columns = parts[0].columns;
  weight.format_name = common_format_name(parts);
}

}  // namespace hearth::ops
