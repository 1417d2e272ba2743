#include "engine/cache/prefix_index.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

uint64_t PrefixIndex::hash_page(Node parent, std::span<const int32_t> tokens) {
  uint64_t hash = parent + 0x9E3779B97F4A7C15;
  for (const int32_t token : tokens) {
    hash = (hash ^ static_cast<uint32_t>(token)) * 0xBF58476D1CE4E5B9;
    hash ^= hash >> 29;
  }
  return hash;
}

PrefixIndex::PrefixIndex(uint32_t page_tokens, std::span<const uint32_t> group_pages, Hash hash)
    : page_tokens_(page_tokens), hash_(hash), nodes_(1), tokens_(page_tokens), pages_(group_pages.size(), kNoPage) {
  for (const uint32_t pages : group_pages) node_of_.emplace_back(pages, kRoot);
  hold(kRoot);
}

std::span<const int32_t> PrefixIndex::tokens_of(Node node) const {
  return std::span(tokens_).subspan(size_t{node} * page_tokens_, page_tokens_);
}

std::optional<PrefixIndex::Node> PrefixIndex::find(Node parent, std::span<const int32_t> tokens) const {
  const auto [first, last] = by_hash_.equal_range(hash_(parent, tokens));
  for (auto it = first; it != last; ++it)
    if (nodes_[it->second].parent == parent && std::ranges::equal(tokens_of(it->second), tokens)) return it->second;
  return std::nullopt;
}

PrefixIndex::Node PrefixIndex::insert(Node parent, std::span<const int32_t> tokens) {
  HEARTH_CHECK(tokens.size() == page_tokens_, "the index holds whole pages only");
  const std::optional<Node> known = find(parent, tokens);
  const Node node = known ? *known : add(parent, tokens, hash_(parent, tokens));
  hold(node);
  return node;
}

PrefixIndex::Node PrefixIndex::add(Node parent, std::span<const int32_t> tokens, uint64_t hash) {
  Node node = static_cast<Node>(nodes_.size());
  if (!unused_.empty()) {
    node = unused_.back();
    unused_.pop_back();
  } else {
    nodes_.emplace_back();
    tokens_.resize(tokens_.size() + page_tokens_);
    pages_.resize(pages_.size() + groups(), kNoPage);
  }
  nodes_[node] = {.parent = parent};
  ++nodes_[parent].children;
  std::ranges::copy(tokens, tokens_.begin() + static_cast<ptrdiff_t>(size_t{node} * page_tokens_));
  by_hash_.emplace(hash, node);
  return node;
}

void PrefixIndex::drop(Node node) {
  if (node == kRoot) return;
  HEARTH_CHECK(nodes_[node].holders > 0, "a prefix node was dropped twice");
  --nodes_[node].holders;
  remove_if_unused(node);
}

void PrefixIndex::set_page(Node node, uint32_t group, uint32_t page) {
  HEARTH_CHECK(this->page(node, group) == kNoPage, "a prefix node has its page already");
  pages_[size_t{node} * groups() + group] = page;
  node_of_[group][page] = node;
  ++nodes_[node].pages;
}

void PrefixIndex::forget(uint32_t group, uint32_t page) {
  const Node node = node_of_[group][page];
  HEARTH_CHECK(node != kRoot, "the index does not know this page");
  pages_[size_t{node} * groups() + group] = kNoPage;
  node_of_[group][page] = kRoot;
  --nodes_[node].pages;
  remove_if_unused(node);
}

// A node without pages still counts while something hangs below it: under a window only the last pages matter.
void PrefixIndex::remove_if_unused(Node node) {
  while (nodes_[node].children == 0 && nodes_[node].holders == 0 && nodes_[node].pages == 0) {
    const auto [first, last] = by_hash_.equal_range(hash_(nodes_[node].parent, tokens_of(node)));
    by_hash_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == node; }));
    unused_.push_back(node);
    node = nodes_[node].parent;
    --nodes_[node].children;
  }
}

}  // namespace hearth::engine
