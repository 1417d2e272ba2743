#pragma once
// Typed, bounded reads of an architecture's metadata keys. A file is not trusted: every number has a range, and an
// error names the key. The bounds are far above any real model and low enough that products of two stay in 32 bits.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/metadata.h"
#include "base/result.h"
#include "model/arch.h"

namespace hearth::model {

constexpr uint32_t kMaxLayers = 4096;
constexpr uint32_t kMaxWidth = 1u << 20;   // of the residual stream
constexpr uint32_t kMaxHidden = 1u << 24;  // of a feed-forward
constexpr uint32_t kMaxHeads = 4096;
constexpr uint32_t kMaxHeadDim = 4096;
constexpr uint32_t kMaxVocab = 1u << 24;
constexpr uint32_t kMaxExperts = 4096;
constexpr uint32_t kMaxTaps = 64;
constexpr uint32_t kMaxContext = 1u << 30;

class Keys {
 public:
  explicit Keys(const ArchInput& input) : meta_(input.meta), prefix_(std::string(input.arch) + ".") {}

  std::string name(std::string_view suffix) const { return prefix_ + std::string(suffix); }
  bool has(std::string_view suffix) const { return meta_.has(name(suffix)); }

  // A whole number in [minimum, maximum].
  Result<uint32_t> count(std::string_view suffix, uint32_t maximum, uint32_t minimum = 1) const;
  Result<uint32_t> count_or(std::string_view suffix, uint32_t fallback, uint32_t maximum, uint32_t minimum = 1) const;

  // A finite number >= 0 that a float holds.
  Result<float> number(std::string_view suffix) const;
  Result<float> number_or(std::string_view suffix, float fallback) const;

  Result<bool> boolean_or(std::string_view suffix, bool fallback) const;
  Result<std::string> text_or(std::string_view suffix, std::string_view fallback) const;

 private:
  const Metadata& meta_;
  std::string prefix_;  // "qwen3."
};

}  // namespace hearth::model
