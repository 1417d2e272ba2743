#include "engine/cache/cache.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

static std::vector<uint32_t> page_counts(const CacheOptions& options) {
  std::vector<uint32_t> counts;
  for (const CacheGroup& group : options.groups) counts.push_back(group.pages);
  counts.push_back(options.snapshots);
  return counts;
}

uint32_t SnapshotStops::next(uint32_t past) const {
  uint64_t next = UINT32_MAX;
  if (every != 0) next = (uint64_t{past} / every + 1) * every;
  for (const uint32_t stop : {branch, shared, last, end})
    if (stop > past) next = std::min<uint64_t>(next, stop);
  return end > past ? static_cast<uint32_t>(next) : UINT32_MAX;
}

Cache::Cache(CacheOptions options)
    : groups_(options.groups),
      page_tokens_(options.page_tokens),
      reuses_prefixes_(options.reuses_prefixes && (!options.has_slots || options.snapshots > 0)),
      has_slots_(options.has_slots),
      snapshot_tokens_(options.snapshot_pages * options.page_tokens),
      snapshots_(options.snapshots),
      index_(page_tokens_, page_counts(options)),
      runs_(groups_.size()) {
  for (const CacheGroup& group : groups_) {
    allocators_.emplace_back(group.pages);
    swap_.emplace_back(group.swap_pages);
  }
}

uint32_t Cache::first_seen_page(const CacheGroup& group, uint32_t past) const {
  return group.window == 0 || past + 1 <= group.window ? 0 : (past + 1 - group.window) / page_tokens_;
}

// A beginning is usable if every group still has all pages that its next token sees, and slots a snapshot.
Cache::Found Cache::search(std::span<const int32_t> prompt) {
  path_.clear();
  std::ranges::fill(runs_, 0);
  Found found;
  PrefixIndex::Node node = PrefixIndex::kRoot;
  for (uint32_t length = 1; reuses_prefixes_ && size_t{length} * page_tokens_ < prompt.size(); ++length) {
    const auto next = index_.find(node, prompt.subspan(size_t{length - 1} * page_tokens_, page_tokens_));
    if (!next) break;
    path_.push_back(node = *next);
    bool has_pages = true;
    for (uint32_t g = 0; g < groups_.size(); ++g) {
      runs_[g] = index_.page(node, g) == PrefixIndex::kNoPage ? 0 : runs_[g] + 1;
      has_pages &= runs_[g] >= length - first_seen_page(groups_[g], length * page_tokens_);
    }
    if (!has_pages) continue;
    found.branch = length;
    if (!has_slots_ || index_.page(node, snapshot_group()) != PrefixIndex::kNoPage) found.usable = length;
  }
  return found;
}

uint32_t Cache::cached_tokens(std::span<const int32_t> prompt) { return search(prompt).usable * page_tokens_; }

CacheMatch Cache::match(std::span<const int32_t> prompt, SequencePages& owned) {
  HEARTH_CHECK(owned.count == 0, "only an empty sequence can take cached pages");
  owned.lists.resize(groups_.size());
  owned.released.assign(groups_.size(), 0);
  const Found found = search(prompt);
  const uint32_t length = found.usable;
  CacheMatch match{.tokens = length * page_tokens_, .snapshot = {}, .stops = {}};
  if (has_slots_ && reuses_prefixes_ && !prompt.empty())
    match.stops = {.every = snapshot_tokens_, .branch = found.branch * page_tokens_, .shared = 0,
                   .last = static_cast<uint32_t>((prompt.size() - 1) / page_tokens_ * page_tokens_),
                   .end = static_cast<uint32_t>(prompt.size() / page_tokens_ * page_tokens_)};
  if (length == 0) return match;
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
  if (has_slots_) {
    match.snapshot = index_.page(owned.node, snapshot_group());
    snapshots_.share(*match.snapshot);  // and again the newest
    snapshots_.release(*match.snapshot);
  }
  return match;
}

bool Cache::must_copy(const SequencePages& owned, uint32_t group, uint32_t past) const {
  const uint32_t page = past / page_tokens_;
  return past % page_tokens_ != 0 && page < owned.count && allocators_[group].references(owned.lists[group][page]) > 1;
}

uint32_t Cache::reach(const SequencePages& owned, uint32_t past) const {
  uint64_t pages = UINT32_MAX;
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    const uint32_t available = allocators_[g].available(), copied = must_copy(owned, g, past);
    if (copied > available) return past;
    pages = std::min<uint64_t>(pages, uint64_t{owned.count} + available - copied);
  }
  return static_cast<uint32_t>(std::min<uint64_t>(pages * page_tokens_, UINT32_MAX));
}

void Cache::drop_snapshot(PrefixIndex::Node node) {
  const uint32_t snapshot = index_.page(node, snapshot_group());
  if (snapshot == PrefixIndex::kNoPage) return;
  snapshots_.discard(snapshot);
  index_.forget(snapshot_group(), snapshot);
}

uint32_t Cache::take(uint32_t group) {
  const PageAllocator::Taken taken = allocators_[group].take();
  if (!taken.was_kept) return taken.page;
  drop_snapshot(index_.node_of(group, taken.page));  // of no use without all pages
  index_.forget(group, taken.page);
  return taken.page;
}

void Cache::grow(SequencePages& owned, uint32_t past, uint32_t tokens) {
  owned.lists.resize(groups_.size());
  owned.released.resize(groups_.size());
  const uint32_t wanted = std::max(pages_for(tokens), owned.count);
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    if (must_copy(owned, g, past)) {
      uint32_t& page = owned.lists[g][past / page_tokens_];
      const uint32_t copy = take(g);
      moves_.push_back({PageMove::Kind::kCopy, g, page, copy});
      allocators_[g].release(page);
      page = copy;
    }
    while (owned.lists[g].size() < wanted) owned.lists[g].push_back(take(g));
  }
  owned.count = wanted;
}

// A page that they share with each other alone is given back too.
uint32_t Cache::available_without(uint32_t group, std::span<const SequencePages* const> others) const {
  const PageAllocator& allocator = allocators_[group];
  std::vector<uint32_t> pages;
  for (const SequencePages* owned : others)
    if (!owned->lists.empty()) pages.insert(pages.end(), owned->lists[group].begin() + owned->released[group], owned->lists[group].end());
  std::ranges::sort(pages);
  uint32_t available = allocator.available();
  for (size_t i = 0, end = 0; i < pages.size(); i = end) {
    while (end < pages.size() && pages[end] == pages[i]) ++end;
    available += allocator.references(pages[i]) == end - i;
  }
  return available;
}

bool Cache::fits(const SequencePages& owned, uint32_t tokens, uint32_t spare, std::span<const SequencePages* const> others) const {
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    const uint32_t needed = owned.is_swapped ? owned.count - owned.released[g]
                                             : std::min(pages_for(tokens) - owned.count, groups_[g].most_per_sequence);
    if (uint64_t{needed} + spare > available_without(g, others)) return false;
  }
  return true;
}

void Cache::leave_window(SequencePages& owned, uint32_t past) {
  for (uint32_t g = 0; g < owned.lists.size(); ++g) {  // none before the first page
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

std::optional<uint32_t> Cache::add_snapshot(const SequencePages& owned) { return add_snapshot_at(owned.node); }

std::optional<uint32_t> Cache::add_snapshot_at(PrefixIndex::Node node) {
  if (!reuses_prefixes_ || !has_slots_ || node == PrefixIndex::kRoot) return std::nullopt;
  if (index_.page(node, snapshot_group()) != PrefixIndex::kNoPage) return std::nullopt;
  const PageAllocator::Taken taken = snapshots_.take();
  if (taken.was_kept) index_.forget(snapshot_group(), taken.page);
  index_.set_page(node, snapshot_group(), taken.page);
  snapshots_.keep(taken.page);
  snapshots_.release(taken.page);
  return taken.page;
}

bool Cache::has_room_for(uint32_t index, PrefixIndex::Node parent, std::span<const int32_t> tokens, const HasPage& has_page) const {
  const auto known = index_.find(parent, tokens);
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    const bool is_there = known && index_.page(*known, g) != PrefixIndex::kNoPage;
    if (!is_there && has_page(index, g) && allocators_[g].available() == 0) return false;
  }
  return true;
}

// How many pages of a path there is room for in the groups without a window, which need all of them.
uint32_t Cache::reach_of_path(std::span<const int32_t> prompt, uint32_t first, uint32_t end, const HasPage& has_page) const {
  std::vector<uint32_t> left;
  for (const PageAllocator& allocator : allocators_) left.push_back(allocator.available());
  std::optional<PrefixIndex::Node> node = PrefixIndex::kRoot;
  for (uint32_t i = 0; i < end; ++i) {
    if (node) node = index_.find(*node, prompt.subspan(size_t{i} * page_tokens_, page_tokens_));
    for (uint32_t g = 0; g < groups_.size(); ++g) {
      if (groups_[g].window != 0) continue;
      const uint32_t page = node ? index_.page(*node, g) : PrefixIndex::kNoPage;
      const bool takes_room = page != PrefixIndex::kNoPage ? allocators_[g].references(page) == 0 : i >= first && has_page(i, g);
      if (takes_room && left[g]-- == 0) return i;
    }
  }
  return end;
}

// All pages of the path are used while it grows, so that none makes room for the next. Under a window only those are needed
// that the token after the path sees.
Adoption Cache::adopt(std::span<const int32_t> prompt, uint32_t first, uint32_t end, const HasPage& gets_page, bool has_state) {
  Adoption adoption;
  uint32_t reach = reuses_prefixes_ ? reach_of_path(prompt, first, end, gets_page) : 0;
  for (uint32_t g = 0; g < groups_.size(); ++g)  // a window for which there is no room now is shorter at the beginning of a prompt
    while (groups_[g].window != 0 && reach - first_seen_page(groups_[g], reach * page_tokens_) > allocators_[g].available()) --reach;
  const auto is_seen = [&](uint32_t index, uint32_t g) { return index >= first_seen_page(groups_[g], reach * page_tokens_); };
  const HasPage has_page = [&](uint32_t index, uint32_t g) { return is_seen(index, g) && gets_page(index, g); };
  std::vector<std::vector<uint32_t>> used(groups_.size());
  PrefixIndex::Node node = PrefixIndex::kRoot;
  uint32_t length = 0;
  for (; length < reach; ++length) {
    const auto tokens = prompt.subspan(size_t{length} * page_tokens_, page_tokens_);
    if (length < first ? !index_.find(node, tokens) : !has_room_for(length, node, tokens, has_page)) break;
    const PrefixIndex::Node next = index_.insert(node, tokens);
    index_.drop(node);
    node = next;
    for (uint32_t g = 0; g < groups_.size(); ++g) {
      if (const uint32_t page = index_.page(node, g); page != PrefixIndex::kNoPage) {
        if (!is_seen(length, g)) continue;
        allocators_[g].share(page);
        used[g].push_back(page);
      } else if (length >= first && has_page(length, g)) {
        used[g].push_back(take(g));
        index_.set_page(node, g, used[g].back());
        allocators_[g].keep(used[g].back());
        adoption.pages.push_back({length, g, used[g].back()});
      }
    }
  }
  if (length == end && has_state) adoption.snapshot = add_snapshot_at(node);
  for (uint32_t g = 0; g < groups_.size(); ++g) release_pages(g, allocators_[g], used[g]);
  index_.drop(node);
  return adoption;
}

void Cache::fork(const SequencePages& from, SequencePages& to) {
  HEARTH_CHECK(to.count == 0, "only an empty sequence can become a fork");
  to = from;
  for (uint32_t g = 0; g < groups_.size(); ++g)
    for (uint32_t i = to.released[g]; i < to.count; ++i) allocators_[g].share(to.lists[g][i]);
  index_.hold(to.node);
}

// What is released first is evicted first. Without a window a page is of no use unless all before it are there, so the last
// goes first; under a window the last pages are those that a longer prompt needs.
void Cache::release_pages(uint32_t group, PageAllocator& allocator, std::span<const uint32_t> pages) const {
  for (size_t i = 0; i < pages.size(); ++i) allocator.release(pages[groups_[group].window == 0 ? pages.size() - 1 - i : i]);
}

void Cache::release(SequencePages& owned) {
  std::vector<PageAllocator>& allocators = owned.is_swapped ? swap_ : allocators_;
  for (uint32_t g = 0; g < owned.lists.size(); ++g) release_pages(g, allocators[g], std::span(owned.lists[g]).subspan(owned.released[g]));
  index_.drop(owned.node);
  owned = {};
}

bool Cache::swap_out(SequencePages& owned, uint32_t past) {
  const uint32_t needed = pages_for(past);
  for (uint32_t g = 0; g < groups_.size(); ++g)
    if (needed - std::min(needed, owned.released[g]) > swap_[g].available()) return false;
  for (uint32_t g = 0; g < groups_.size(); ++g) {
    std::vector<uint32_t>& list = owned.lists[g];
    for (uint32_t i = owned.count; i-- > owned.released[g];) {
      const uint32_t page = list[i];
      if (i < needed) moves_.push_back({PageMove::Kind::kSwapOut, g, page, list[i] = swap_[g].take().page});
      allocators_[g].release(page);
    }
    list.resize(needed);
    owned.released[g] = std::min(owned.released[g], needed);
  }
  owned.count = needed;
  owned.is_swapped = true;
  return true;
}

bool Cache::swap_in(SequencePages& owned, uint32_t spare) {
  if (!fits(owned, 0, spare)) return false;
  for (uint32_t g = 0; g < groups_.size(); ++g)
    for (uint32_t i = owned.released[g]; i < owned.count; ++i) {
      uint32_t& page = owned.lists[g][i];
      const uint32_t swapped = page;
      moves_.push_back({PageMove::Kind::kSwapIn, g, swapped, page = take(g)});
      swap_[g].release(swapped);
    }
  owned.is_swapped = false;
  return true;
}

static uint32_t used(std::span<const PageAllocator> allocators) {
  uint32_t used = 0;
  for (const PageAllocator& allocator : allocators) used += allocator.pages() - allocator.available();
  return used;
}

uint32_t Cache::used_pages() const { return used(allocators_); }
uint32_t Cache::used_swap_pages() const { return used(swap_); }

uint32_t Cache::kept_pages() const {
  uint32_t kept = 0;
  for (const PageAllocator& allocator : allocators_) kept += allocator.kept();
  return kept;
}

}  // namespace hearth::engine
