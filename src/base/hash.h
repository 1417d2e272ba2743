#pragma once
// A fast hash of bytes (XXH3, 64 bits): finds accidents, not forgeries. Stable: hashes are kept in files.
#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth {

uint64_t hash_bytes(std::span<const std::byte> bytes, uint64_t seed = 0);

}  // namespace hearth
