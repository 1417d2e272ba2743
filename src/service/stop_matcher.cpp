#include "service/stop_matcher.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace hearth::service {

size_t partial_match(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return 0;
  size_t length = std::min(text.size(), pattern.size() - 1);
  while (length > 0 && !text.ends_with(pattern.substr(0, length))) --length;
  return length;
}

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::ranges::stable_sort(stops_, std::ranges::greater{}, &std::string::size);
}

std::string StopMatcher::feed(std::string_view text) {
  std::string shown;
  for (size_t i = 0; i < text.size() && !matched(); ++i) {
    held_ += text[i];
    const auto found = std::ranges::find_if(stops_, [&](const std::string& stop) { return held_.ends_with(stop); });
    if (found == stops_.end()) {
      release(shown);
      continue;
    }
    matched_ = &*found;
    shown.append(held_, 0, held_.size() - found->size());
    held_.clear();
  }
  return shown;
}

std::string StopMatcher::finish() { return std::exchange(held_, {}); }

void StopMatcher::release(std::string& shown) {
  size_t keep = 0;
  for (const auto& stop : stops_) keep = std::max(keep, partial_match(held_, stop));
  shown.append(held_, 0, held_.size() - keep);
  held_.erase(0, held_.size() - keep);
}

}  // namespace hearth::service
