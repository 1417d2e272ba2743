#include "engine/cache/cache.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

static std::vector<uint32_t> page_counts(std::span<const CacheGroup> groups) {
  std::vector<uint32_t> counts;
  for (const CacheGroup& group : groups) counts.push_back(group.pages);
  return counts;
}

Cache::Cache(std::vector<CacheGroup> groups, uint32_t page_tokens, bool reuses_prefixes)
    : groups_(std::move(groups)),
      page_tokens_(page_tokens),
      reuses_prefixes_(reuses_prefixes),
      index_(page_tokens, page_counts(groups_)),
      runs_(groups_.size()) {
  for (const CacheGroup& group : groups_) allocators_.emplace_back(group.pages);
}

uint32_t Cache::first_seen_page(const CacheGroup& group, uint32_t past) const {
  return group.window == 0 || past + 1 <= group.window ? 0 : (past + 1 - group.window) / page_tokens_;
}

// A beginning is usable if every group still has all pages that its next token sees.
uint32_t Cache::longest_match(std::span<const int32_t> prompt) {
  path_.clear();
  std::ranges::fill(runs_, 0);
  uint32_t usable = 0;
  PrefixIndex::Node node = PrefixIndex::kRoot;
  for (uint32_t length = 1; size_t{length} * page_tokens_ < prompt.size(); ++length) {
    const auto next = index_.find(node, prompt.subspan(size_t{length - 1} * page_tokens_, page_tokens_));
    if (!next) break;
    path_.push_back(node = *next);
    bool is_usable = true;
    for (uint32_t g = 0; g < groups_.size(); ++g) {
      runs_[g] = index_.page(node, g) == PrefixIndex::kNoPage ? 0 : runs_[g] + 1;
      is_usable &= runs_[g] >= length - first_seen_page(groups_[g], length * page_tokens_);
    }
    if (is_usable) usable = length;
  }
  return usable;
}

uint32_t Cache::match(std::span<const int32_t> prompt, SequencePages& owned) {
  HEARTH_CHECK(owned.count == 0, "only an empty sequence can take cached pages");
  owned.lists.resize(groups_.size());
  owned.released.assign(groups_.size(), 0);
  const uint32_t length = reuses_prefixes_ ? longest_match(prompt) : 0;
  if (length == 0) return 0;
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    const uint32_t first = first_seen_page(groups_[g], length * page_tokens_);
    owned.lists[g].assign(first, 0);
    owned.released[g] = first;
    for (uint32_t i = first; i < length; ++i) {
      owned.lists[g].push_back(index_.page(path_[i], g));
      allocators_[g].share(owned.lists[g].back());
    }
  }
  owned.count = owned.published = length;
  index_.hold(owned.node = path_[length - 1]);
  return length * page_tokens_;
}

uint32_t Cache::reach(const SequencePages& owned) const {
  uint64_t pages = UINT32_MAX;
  for (const PageAllocator& allocator : allocators_) pages = std::min<uint64_t>(pages, uint64_t{owned.count} + allocator.available());
  return static_cast<uint32_t>(std::min<uint64_t>(pages * page_tokens_, UINT32_MAX));
}

void Cache::grow(SequencePages& owned, uint32_t tokens) {
  owned.lists.resize(groups_.size());
  owned.released.resize(groups_.size());
  const uint32_t wanted = std::max(pages_for(tokens), owned.count);
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    while (owned.lists[g].size() < wanted) {
      const PageAllocator::Taken taken = allocators_[g].take();
      if (taken.was_kept) index_.forget(g, taken.page);
      owned.lists[g].push_back(taken.page);
    }
  }
  owned.count = wanted;
}

bool Cache::fits(const SequencePages& owned, uint32_t tokens, uint32_t spare) const {
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    const uint32_t needed = std::min(pages_for(tokens) - owned.count, groups_[g].most_per_sequence);
    if (uint64_t{needed} + spare > allocators_[g].available()) return false;
  }
  return true;
}

void Cache::leave_window(SequencePages& owned, uint32_t past) {
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    const uint32_t first = std::min(first_seen_page(groups_[g], past), owned.count);
    for (; owned.released[g] < first; ++owned.released[g]) allocators_[g].release(owned.lists[g][owned.released[g]]);
  }
}

void Cache::publish(SequencePages& owned, std::span<const int32_t> computed_prompt) {
  if (!reuses_prefixes_) return;
  for (uint32_t i = owned.published; size_t{i + 1} * page_tokens_ <= computed_prompt.size(); i = ++owned.published) {
    const auto node = index_.insert(owned.node, computed_prompt.subspan(size_t{i} * page_tokens_, page_tokens_));
    index_.drop(owned.node);
    owned.node = node;
    for (uint32_t g = 0; g < groups_.size(); ++g) {
      // Another sequence may have computed the same tokens first: then ours stay private.
      if (i < owned.released[g] || index_.page(node, g) != PrefixIndex::kNoPage) continue;
      index_.set_page(node, g, owned.lists[g][i]);
      allocators_[g].keep(owned.lists[g][i]);
    }
  }
}

// What is released first is evicted first. Without a window a page is of no use unless all before it are there, so the last
// goes first; under a window the last pages are those that a longer prompt needs.
void Cache::release(SequencePages& owned) {
  for (uint32_t g = 0; g < owned.lists.size(); ++g) {
    const auto live = std::span(owned.lists[g]).subspan(owned.released[g]);
    for (size_t i = 0; i < live.size(); ++i) allocators_[g].release(live[groups_[g].window == 0 ? live.size() - 1 - i : i]);
  }
  index_.drop(owned.node);
  owned = {};
}

uint32_t Cache::used_pages() const {
  uint32_t used = 0;
  for (const PageAllocator& allocator : allocators_) used += allocator.pages() - allocator.available();
  return used;
}

uint32_t Cache::kept_pages() const {
  uint32_t kept = 0;
  for (const PageAllocator& allocator : allocators_) kept += allocator.kept();
  return kept;
}

}  // namespace hearth::engine
