#pragma once
// Where tensors may lie in a file: the arithmetic every container's reader relies on, checked in 128 bits, once.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "quant/format.h"
#include "tensor/shape.h"

namespace hearth::checkpoint {

// Bytes of a tensor with this format and these extents (outermost first). Refuses more than Shape::kMaxRank extents,
// rows that are not whole blocks, and sizes beyond 2^63 - 1. The sentence does not name the tensor.
Result<uint64_t> stored_bytes(const quant::Format& format, std::span<const uint64_t> extents);

// The same for plain values of `value_bytes` bytes; any number of extents, which may be zero.
Result<uint64_t> plain_bytes(uint64_t value_bytes, std::span<const uint64_t> extents);

struct Extent {
  std::string_view name;
  uint64_t offset = 0;  // from the start of the region
  uint64_t bytes = 0;
};

enum class Holes : uint8_t { kAllowed, kRefused };

// Every extent lies inside a region of `region_bytes`, no two share a byte, and with kRefused every byte of the region
// belongs to one. `region_offset` is the region's place in the file, for the error's byte offset.
Result<void> verify_extents(std::vector<Extent> extents, uint64_t region_offset, uint64_t region_bytes, Holes holes);

// Text from a file as it may stand in an error: control characters and invalid UTF-8 replaced, shortened to 80
// characters.
std::string printable(std::string_view text);

}  // namespace hearth::checkpoint
