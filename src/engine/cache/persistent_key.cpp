#include "engine/cache/persistent_key.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

Sha256 sha256(std::span<const std::byte> bytes) {
  Sha256 digest;
  unsigned int size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(), nullptr);
  HEARTH_CHECK(done == 1 && size == digest.size(), "the crypto library has no SHA-256");
  return digest;
}

std::string PageKey::text() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : digest) {
    text += kDigits[static_cast<unsigned>(byte) >> 4];
    text += kDigits[static_cast<unsigned>(byte) & 15];
  }
  return text;
}

PageKey root_key(std::string_view identity) { return {sha256(std::as_bytes(std::span(identity)))}; }

std::vector<PageKey> page_keys(const PageKey& root, std::span<const int32_t> tokens, uint32_t page_tokens) {
  std::vector<PageKey> keys;
  std::vector<std::byte> link(root.digest.begin(), root.digest.end());
  for (size_t first = 0; first + page_tokens <= tokens.size(); first += page_tokens) {
    const auto page = std::as_bytes(tokens.subspan(first, page_tokens));
    link.resize(root.digest.size());
    link.insert(link.end(), page.begin(), page.end());
    keys.push_back({sha256(link)});
    std::ranges::copy(keys.back().digest, link.begin());
  }
  return keys;
}

}  // namespace hearth::engine
