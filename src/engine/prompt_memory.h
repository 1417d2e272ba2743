#pragma once
// The last prompt of each key, to say where the next one left it: most prompts that miss the cache differ from the one before
// in a date, a reordered tool or a stray space, and nobody sees it.
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/request.h"

namespace hearth::engine {

class PromptMemory {
 public:
  static constexpr size_t kMostKeys = 64;
  static constexpr uint32_t kAround = 8;  // tokens told on each side of the difference

  explicit PromptMemory(uint32_t page_tokens) : page_tokens_(page_tokens) {}

  // Compares with the last prompt of the key, and remembers this one instead. A miss is told when both begin with the same
  // page at least and a whole page of the last one is of no use because they part.
  std::optional<PrefixMiss> compare(const std::string& key, std::span<const int32_t> prompt);

 private:
  struct Last {
    std::string key;
    std::vector<int32_t> prompt;
  };
  const uint32_t page_tokens_;
  std::list<Last> last_;  // the key heard of most recently first
};

}  // namespace hearth::engine
