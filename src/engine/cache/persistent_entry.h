#pragma once
// One file of the persistent prefix cache: the pages of all window groups for one page of tokens, or one snapshot of a slot.
// docs/formats/prefix_cache.md
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/cache/persistent_key.h"

namespace hearth::engine {

enum class EntryKind : uint8_t { kPages, kState };

struct EntryName {
  PageKey key;
  EntryKind kind = EntryKind::kPages;

  std::string text() const;  // file name
  bool operator==(const EntryName&) const = default;
};

// What a reader expects to find; anything else is a damaged file.
struct EntryShape {
  std::vector<size_t> part_bytes;  // one for each group, or the slot's alone
};

// A part may be empty: its page had left the window before it was written.
uint64_t entry_bytes(std::span<const int32_t> tokens, std::span<const std::span<const std::byte>> parts);
std::string encode_entry(const EntryName& name, std::span<const int32_t> tokens, std::span<const std::span<const std::byte>> parts);

// A file that was read and verified.
struct Entry {
  struct Part {
    size_t at, bytes;
  };
  std::string file;
  std::vector<Part> parts;

  std::span<const std::byte> part(size_t index) const {
    return std::as_bytes(std::span(file)).subspan(parts[index].at, parts[index].bytes);
  }
};

// Errors: kIntegrity says what is wrong.
Result<Entry> decode_entry(std::string file, const EntryName& name, std::span<const int32_t> tokens, const EntryShape& shape);

}  // namespace hearth::engine
