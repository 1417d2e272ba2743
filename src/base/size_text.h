#pragma once
// Sizes of memory as people write them.
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace hearth {

// "512MiB", "8 GB", "1.5G", "4096": K, M, G, T with or without B are powers of 1000, with i of 1024. Errors: kInvalidArgument.
Result<uint64_t> parse_size(std::string_view text);

}  // namespace hearth
