#include "engine/prompt_memory.h"

#include <algorithm>

namespace hearth::engine {

static std::vector<int32_t> around(std::span<const int32_t> prompt, uint32_t first, uint32_t position) {
  const size_t end = std::min<size_t>(prompt.size(), size_t{position} + PromptMemory::kAround);
  return {prompt.begin() + first, prompt.begin() + static_cast<ptrdiff_t>(end)};
}

std::optional<PrefixMiss> PromptMemory::compare(const std::string& key, std::span<const int32_t> prompt) {
  const auto found = std::ranges::find(last_, key, &Last::key);
  if (found == last_.end()) {
    if (last_.size() == kMostKeys) last_.pop_back();
    last_.push_front({key, {prompt.begin(), prompt.end()}});
    return std::nullopt;
  }
  last_.splice(last_.begin(), last_, found);
  const std::vector<int32_t> last = std::exchange(found->prompt, {prompt.begin(), prompt.end()});
  const auto position = static_cast<uint32_t>(std::ranges::mismatch(last, prompt).in1 - last.begin());
  const bool parts = position >= page_tokens_ && position < prompt.size() && position / page_tokens_ < last.size() / page_tokens_;
  if (!parts) return std::nullopt;
  const uint32_t first = position - std::min(position, kAround);
  return PrefixMiss{.position = position, .first = first, .last = around(last, first, position), .now = around(prompt, first, position)};
}

}  // namespace hearth::engine
