#include "base/size_text.h"

#include <charconv>
#include <cmath>

namespace hearth {

Result<uint64_t> parse_size(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  std::string_view unit(stop, static_cast<size_t>(end - stop));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  constexpr std::string_view kPrefixes = "KMGT";
  double scale = 1;
  if (!unit.empty() && unit != "B") {
    const size_t power = kPrefixes.find(static_cast<char>(unit[0] & ~0x20));  // in either case
    unit.remove_prefix(1);
    const bool is_binary = unit.starts_with('i');
    if (is_binary) unit.remove_prefix(1);
    if (unit == "B") unit.remove_prefix(1);
    scale = power == kPrefixes.npos || !unit.empty() ? NAN : std::pow(is_binary ? 1024.0 : 1000.0, static_cast<double>(power + 1));
  }
  if (error != std::errc() || !(value * scale >= 0 && value * scale < 0x1p63))
    return fail(ErrorCode::kInvalidArgument, "'{}' is no size; sizes are written as 8GB, 512MiB or 4096", text);
  return static_cast<uint64_t>(value * scale);
}

}  // namespace hearth
