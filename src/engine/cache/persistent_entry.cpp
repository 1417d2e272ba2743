#include "engine/cache/persistent_entry.h"

#include <algorithm>
#include <cstring>

namespace hearth::engine {

namespace {

constexpr std::string_view kMagic = "hearthk1";

struct Head {
  char magic[8];
  uint32_t kind, tokens, parts, unused;
  std::byte key[32];
};
static_assert(sizeof(Head) == 56, "file layout");

Head head_of(const EntryName& name, size_t tokens, size_t parts) {
  Head head{};
  std::ranges::copy(kMagic, head.magic);
  head.kind = static_cast<uint32_t>(name.kind);
  head.tokens = static_cast<uint32_t>(tokens);
  head.parts = static_cast<uint32_t>(parts);
  std::ranges::copy(name.key.digest, head.key);
  return head;
}

void append(std::string& file, std::span<const std::byte> bytes) {
  file.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

std::string EntryName::text() const { return key.text() + (kind == EntryKind::kPages ? ".pages" : ".state"); }

uint64_t entry_bytes(std::span<const int32_t> tokens, std::span<const std::span<const std::byte>> parts) {
  uint64_t bytes = sizeof(Head) + tokens.size_bytes() + parts.size() * sizeof(uint64_t) + sizeof(Sha256);
  for (const auto& part : parts) bytes += part.size();
  return bytes;
}

std::string encode_entry(const EntryName& name, std::span<const int32_t> tokens, std::span<const std::span<const std::byte>> parts) {
  std::string file;
  file.reserve(entry_bytes(tokens, parts));
  const Head head = head_of(name, tokens.size(), parts.size());
  append(file, std::as_bytes(std::span(&head, 1)));
  append(file, std::as_bytes(tokens));
  for (const auto& part : parts) {
    const uint64_t size = part.size();
    append(file, std::as_bytes(std::span(&size, 1)));
  }
  for (const auto& part : parts) append(file, part);
  append(file, sha256(std::as_bytes(std::span(file))));
  return file;
}

Result<Entry> decode_entry(std::string file, const EntryName& name, std::span<const int32_t> tokens, const EntryShape& shape) {
  const auto bytes = std::as_bytes(std::span(file));
  const size_t sizes_at = sizeof(Head) + tokens.size_bytes(), parts_at = sizes_at + shape.part_bytes.size() * sizeof(uint64_t);
  if (bytes.size() < parts_at + sizeof(Sha256)) return fail(ErrorCode::kIntegrity, "it is cut short");
  const auto body = bytes.first(bytes.size() - sizeof(Sha256));
  const Sha256 sum = sha256(body);
  if (!std::ranges::equal(sum, bytes.last(sizeof(Sha256)))) return fail(ErrorCode::kIntegrity, "its checksum does not match");
  const Head head = head_of(name, tokens.size(), shape.part_bytes.size());
  if (std::memcmp(bytes.data(), &head, sizeof(Head)) != 0) return fail(ErrorCode::kIntegrity, "it holds something else than its name says");
  if (!std::ranges::equal(bytes.subspan(sizeof(Head), tokens.size_bytes()), std::as_bytes(tokens)))
    return fail(ErrorCode::kIntegrity, "it holds other tokens");

  std::vector<Entry::Part> parts;
  size_t at = parts_at;
  for (size_t i = 0; i < shape.part_bytes.size(); ++i) {
    uint64_t size = 0;
    std::memcpy(&size, bytes.data() + sizes_at + i * sizeof(size), sizeof(size));
    if ((size != 0 && size != shape.part_bytes[i]) || size > body.size() - at) return fail(ErrorCode::kIntegrity, "part {} has {} bytes", i, size);
    parts.push_back({at, size});
    at += size;
  }
  if (at != body.size()) return fail(ErrorCode::kIntegrity, "{} bytes follow its end", body.size() - at);
  return Entry{std::move(file), std::move(parts)};
}

}  // namespace hearth::engine
