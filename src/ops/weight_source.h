#pragma once
// What every backend checks before it packs.
#include <span>
#include <string_view>

#include "base/result.h"
#include "ops/ops.h"

namespace hearth::ops {

// Errors: kBadFile when parts differ in columns, a row is not whole blocks, or the bytes, where they are there, do not fit
// the shape.
Result<void> check_sources(std::span<const WeightSource> parts);

size_t row_bytes(const WeightSource& part);  // of one stored row
std::string_view common_format_name(std::span<const WeightSource> parts);  // "q4_k", or "mixed"

// Rows, columns and format name of the stacked parts.
void describe(std::span<const WeightSource> parts, Weight& weight);

}  // namespace hearth::ops
