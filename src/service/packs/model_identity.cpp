#include "service/packs/model_identity.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <variant>

#include "base/hash.h"

namespace hearth::service {

namespace {

constexpr uint64_t kSampleBytes = 4096, kReadBytes = uint64_t{4} << 20;

uint64_t mix(uint64_t hash, uint64_t value) { return hash_bytes(std::as_bytes(std::span(&value, 1)), hash); }

// Everything before the first tensor of a file.
uint64_t header_bytes(const checkpoint::Checkpoint& files, uint32_t file) {
  uint64_t end = files.files()[file]->size();
  for (const auto& tensor : files.tensors())
    if (tensor.file == file) end = std::min(end, tensor.offset);
  return end;
}

}  // namespace

ModelIdentity identify(const checkpoint::Checkpoint& files) {
  ModelIdentity identity;
  for (uint32_t f = 0; f < files.files().size(); ++f) {
    const ByteSource& file = *files.files()[f];
    identity.key = mix(identity.key, file.size());
    identity.key = hash_bytes(file.mapped().first(header_bytes(files, f)), identity.key);
    FileFacts facts = file.facts();
    facts.device = 0;
    identity.stamp = hash_bytes(std::as_bytes(std::span(&facts, 1)), identity.stamp);
  }
  uint64_t turn = 0;
  for (const auto& tensor : files.tensors()) {  // at another depth in each tensor: no structure repeats by accident
    const auto bytes = files.bytes(tensor);
    if (!bytes) continue;
    const uint64_t spare = bytes->size() - std::min<uint64_t>(bytes->size(), kSampleBytes);
    const uint64_t begin = spare == 0 ? 0 : (++turn * 0x9E3779B97F4A7C15u) % spare;
    identity.key = hash_bytes(bytes->subspan(begin, std::min<uint64_t>(bytes->size(), kSampleBytes)), identity.key);
  }
  return identity;
}

uint64_t metadata_hash(const Metadata& meta) {
  uint64_t hash = 0;
  for (const auto& [key, value] : meta.entries()) {
    const std::string text = fmt::format("{} {}", value.index(), std::visit([](const auto& v) { return fmt::format("{}", v); }, value));
    for (const std::string& part : {key, text}) hash = hash_bytes(std::as_bytes(std::span(part)), mix(hash, part.size()));
  }
  return hash;
}

std::optional<uint64_t> content_hash(const checkpoint::Checkpoint& files, std::stop_token stop) {
  uint64_t hash = 0;
  for (const auto& tensor : files.tensors()) {
    const auto bytes = files.bytes(tensor);
    if (!bytes) continue;
    for (uint64_t done = 0; done < bytes->size(); done += kReadBytes) {  // in pieces, so that little of the file is resident
      if (stop.stop_requested()) return std::nullopt;
      const uint64_t n = std::min<uint64_t>(kReadBytes, bytes->size() - done);
      hash = hash_bytes(bytes->subspan(done, n), hash);
      files.files()[tensor.file]->release(tensor.offset + done, n);
    }
  }
  return hash;
}

}  // namespace hearth::service
