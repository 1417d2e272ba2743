#pragma once
// Names of prefixes that outlive the process: a SHA-256 over everything that decides the bits of a page.
//   root = SHA-256(identity),   key of a page = SHA-256(key of the page before it | the page's tokens, int32 little-endian)
// so a key stands for the whole path of tokens from the beginning, for one model, layout and kind of arithmetic.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::engine {

using Sha256 = std::array<std::byte, 32>;

Sha256 sha256(std::span<const std::byte> bytes);

struct PageKey {
  Sha256 digest = {};

  std::string text() const;  // 64 lower-case hexadecimal digits
  bool operator==(const PageKey&) const = default;
};

PageKey root_key(std::string_view identity);
// One key for each whole page of the tokens.
std::vector<PageKey> page_keys(const PageKey& root, std::span<const int32_t> tokens, uint32_t page_tokens);

}  // namespace hearth::engine
