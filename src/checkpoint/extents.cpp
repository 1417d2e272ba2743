#include "checkpoint/extents.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"

namespace hearth::checkpoint {

namespace {

Failure at_byte(uint64_t offset, Failure failure) { return at(fmt::format("byte {}", offset), failure.error()); }

}  // namespace

Result<uint64_t> plain_bytes(uint64_t value_bytes, std::span<const uint64_t> extents) {
  if (std::find(extents.begin(), extents.end(), 0u) != extents.end()) return 0;
  uint64_t bytes = value_bytes;
  for (const uint64_t extent : extents)
    if (__builtin_mul_overflow(bytes, extent, &bytes) || bytes > std::numeric_limits<int64_t>::max())
      return fail(ErrorCode::kBadFile, "its extents multiply to more than 2^63 bytes");
  return bytes;
}

Result<uint64_t> stored_bytes(const quant::Format& format, std::span<const uint64_t> extents) {
  if (extents.size() > Shape::kMaxRank)
    return fail(ErrorCode::kUnsupported, "it has {} dimensions, at most {} are supported", extents.size(),
                Shape::kMaxRank);
  HEARTH_TRY(values, plain_bytes(1, extents));
  const uint64_t columns = extents.empty() ? 1 : extents.back();
  if (columns % format.block_values != 0)
    return fail(ErrorCode::kBadFile, "its rows of {} values are not whole blocks of {} ({})", columns,
                format.block_values, format.name);
  const unsigned __int128 bytes = static_cast<unsigned __int128>(values / format.block_values) * format.block_bytes;
  if (bytes > std::numeric_limits<int64_t>::max())
    return fail(ErrorCode::kBadFile, "its extents multiply to more than 2^63 bytes");
  return static_cast<uint64_t>(bytes);
}

Result<void> verify_extents(std::vector<Extent> extents, uint64_t region_offset, uint64_t region_bytes, Holes holes) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes < b.bytes;
  });
  uint64_t end = 0;  // of what came before
  std::string_view before;
  for (const Extent& extent : extents) {
    if (extent.offset > region_bytes || extent.bytes > region_bytes - extent.offset)
      return at_byte(region_offset,
                     fail(ErrorCode::kBadFile,
                          "tensor {} of {} bytes at offset {} reaches past the end of its {} bytes of tensor "
                          "data; the file is truncated or damaged, download it again",
                          extent.name, extent.bytes, extent.offset, region_bytes));
    if (extent.offset < end)
      return at_byte(region_offset + extent.offset,
                     fail(ErrorCode::kBadFile, "tensor {} overlaps tensor {}, which ends {} bytes later", extent.name,
                          before, end - extent.offset));
    if (holes == Holes::kRefused && extent.offset > end)
      return at_byte(region_offset + end, fail(ErrorCode::kBadFile, "{} bytes before tensor {} belong to no tensor",
                                               extent.offset - end, extent.name));
    end = extent.offset + extent.bytes;
    before = extent.name;
  }
  if (holes == Holes::kRefused && end != region_bytes)
    return at_byte(region_offset + end,
                   fail(ErrorCode::kBadFile, "{} bytes after the last tensor belong to no tensor", region_bytes - end));
  return {};
}

std::string printable(std::string_view text) {
  constexpr size_t kLongest = 80;
  size_t bytes = 0;
  for (size_t characters = 0; bytes < text.size(); ++characters) {
    if (characters == kLongest) return utf8::plain(text.substr(0, bytes)) + "...";
    bytes += utf8::decode(text.substr(bytes)).length;
  }
  return utf8::plain(text);
}

}  // namespace hearth::checkpoint
