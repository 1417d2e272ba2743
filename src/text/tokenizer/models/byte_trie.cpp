#include "text/tokenizer/models/byte_trie.h"

#include <algorithm>

namespace hearth::text {

ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries) {
  std::ranges::sort(entries);
  struct Range {
    uint32_t node;
    size_t begin, end, depth;
  };
  nodes_.emplace_back();
  std::vector<Range> open{{0, 0, entries.size(), 0}};
  for (size_t next = 0; next < open.size(); ++next) {  // breadth first, so that siblings are neighbours
    auto [node, begin, end, depth] = open[next];
    if (begin < end && entries[begin].first.size() == depth) nodes_[node].value = entries[begin++].second;
    nodes_[node].first_child = static_cast<uint32_t>(nodes_.size());
    while (begin < end) {
      const char label = entries[begin].first[depth];
      size_t behind = begin;
      while (behind < end && entries[behind].first[depth] == label) ++behind;
      open.push_back({static_cast<uint32_t>(nodes_.size()), begin, behind, depth + 1});
      nodes_.push_back({.label = static_cast<uint8_t>(label)});
      ++nodes_[node].children;
      begin = behind;
    }
  }
  for (uint32_t i = 0; i < nodes_[0].children; ++i)
    root_[nodes_[nodes_[0].first_child + i].label] = nodes_[0].first_child + i;
}

size_t ByteTrie::next_start(std::string_view text, size_t from) const {
  if (nodes_[0].children == 1)  // as a rule every control token begins with "<"
    return std::min(text.find(static_cast<char>(nodes_[1].label), from), text.size());
  while (from < text.size() && root_[static_cast<uint8_t>(text[from])] == 0) ++from;
  return from;
}

uint32_t ByteTrie::child(uint32_t node, uint8_t label) const {
  if (node == 0) return root_[label];
  const Node& parent = nodes_[node];
  uint32_t low = parent.first_child, high = low + parent.children;
  while (high - low > 8) {
    const uint32_t middle = (low + high) / 2;
    if (nodes_[middle].label <= label) low = middle;
    else high = middle;
  }
  for (; low < high; ++low)
    if (nodes_[low].label == label) return low;
  return 0;
}

}  // namespace hearth::text
