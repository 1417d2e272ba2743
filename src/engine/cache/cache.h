#pragma once
// The books of the KV cache: which sequence owns which pages, group by group, and which pages can be found again by the
// tokens they were computed from. Page numbers only; page_pool.h has the memory.
//
// Only whole pages of prompt tokens are published: a device may compute generated tokens by other kernels (ops/step.h), and the
// same prompt must give the same bits whether it was cached or not.
//
// A recurrent state has no pages: a snapshot of it at a page boundary is kept with the prefix that ends there, and a prefix
// is of use only where there is one. Which boundaries get one is said by SnapshotStops.
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/cache/page_allocator.h"
#include "engine/cache/prefix_index.h"

namespace hearth::engine {

// Layers with the same window share a group; each group has its own pages.
struct CacheGroup {
  uint32_t window = 0;             // tokens a query sees, itself included; 0: all
  uint32_t pages = 0;
  uint32_t most_per_sequence = 0;  // pages one sequence ever owns at once
  uint32_t swap_pages = 0;         // further ones, for sequences that gave way
};

struct CacheOptions {
  std::vector<CacheGroup> groups;
  uint32_t page_tokens = 16;
  bool reuses_prefixes = true;
  bool has_slots = false;          // the model has recurrent layers
  uint32_t snapshots = 0;          // of slots, kept at most
  uint32_t snapshot_pages = 0;     // distance of those inside a prompt; 0: only where it ends or leaves another
};

// A copy that must happen, in order with the others, before the next step writes.
struct PageMove {
  enum class Kind : uint8_t { kCopy, kSwapOut, kSwapIn } kind;  // page to page, page to swap page, swap page to page
  uint32_t group, from, to;
};

// What one sequence owns. All lists have the same length: entry i covers tokens [i, i + 1) * page_tokens. Entries before
// `released` fell behind the window and were given back; they still name valid pages, whose content belongs to others.
struct SequencePages {
  std::vector<std::vector<uint32_t>> lists;  // [group]
  std::vector<uint32_t> released;            // [group]
  uint32_t count = 0;                        // pages in each list
  uint32_t published = 0;                    // leading pages known to the index
  PrefixIndex::Node node = PrefixIndex::kRoot;  // of the last published page, held
  bool is_swapped = false;                   // the lists name swap pages
};

// Positions at which a prompt's state is worth a snapshot: every so many tokens, where it leaves a prompt that is known, where
// one that waits leaves it, its last page boundary short of its end, for the same prompt again, and its last one at all, for a
// longer prompt.
struct SnapshotStops {
  uint32_t every = 0, branch = 0, shared = 0, last = 0, end = 0;  // tokens; 0: none

  uint32_t next(uint32_t past) const;        // the first stop beyond `past`; UINT32_MAX: none
  bool at(uint32_t past) const { return past > 0 && next(past - 1) == past; }
};

struct CacheMatch {
  uint32_t tokens = 0;               // cached, in whole pages
  std::optional<uint32_t> snapshot;  // the slot's state after them; unset without slots, or when nothing is cached
  SnapshotStops stops;
};

// Pages of a prompt that are to be filled with what was kept elsewhere, and the number of a snapshot likewise.
struct Adoption {
  struct Page {
    uint32_t index, group, page;     // page `index` of the prompt
  };
  std::vector<Page> pages;
  std::optional<uint32_t> snapshot;
};

class Cache {
 public:
  explicit Cache(CacheOptions options);

  uint32_t page_tokens() const { return page_tokens_; }
  std::span<const CacheGroup> groups() const { return groups_; }
  bool reuses_prefixes() const { return reuses_prefixes_; }
  bool needs_snapshots() const { return reuses_prefixes_ && has_slots_; }

  // Gives an empty sequence the longest cached beginning of `prompt`, in whole pages and short of its last token, whose
  // logits are always computed.
  CacheMatch match(std::span<const int32_t> prompt, SequencePages& owned);
  uint32_t cached_tokens(std::span<const int32_t> prompt);  // how much match() would find

  // `past`: tokens that the sequence has computed. A page that others share is copied before the sequence writes to it.
  uint32_t reach(const SequencePages& owned, uint32_t past) const;         // tokens the sequence could cover, were it to grow now
  void grow(SequencePages& owned, uint32_t past, uint32_t tokens);         // at most reach()
  // Would a sequence of so many tokens find its pages, with `spare` more left over in every group, were these others released?
  // One that was swapped out needs pages for what it has.
  bool fits(const SequencePages& owned, uint32_t tokens, uint32_t spare, std::span<const SequencePages* const> others = {}) const;

  void leave_window(SequencePages& owned, uint32_t past);  // gives back what no query at or after `past` sees
  void publish(SequencePages& owned, std::span<const int32_t> computed_prompt);
  // The number of a snapshot to be filled with the state after the published pages; nothing if there is one already, or no room.
  std::optional<uint32_t> add_snapshot(const SequencePages& owned);
  // Makes room for pages [first, end) of a prompt whose first pages are in the index, as far as there is room, and names those
  // to be filled before anybody else calls. `has_page(index, group)`: whether there is something to fill a page with.
  // `has_state`: whether there is a state after page `end`. Under a window only pages are named that the token after the path sees.
  using HasPage = std::function<bool(uint32_t index, uint32_t group)>;
  Adoption adopt(std::span<const int32_t> prompt, uint32_t first, uint32_t end, const HasPage& has_page, bool has_state);
  void fork(const SequencePages& from, SequencePages& to);  // an empty sequence shares every page
  void release(SequencePages& owned);                       // everything; `owned` is empty afterwards

  // Exchanges the pages of `past` tokens for swap pages and back; false if there is no room (with `spare` pages left over
  // in every group), and nothing has changed. What else the sequence owns is given back.
  bool swap_out(SequencePages& owned, uint32_t past);
  bool swap_in(SequencePages& owned, uint32_t spare);

  std::vector<PageMove>& moves() { return moves_; }  // not yet made, in order; whoever makes them clears the list

  uint32_t used_pages() const;       // in all groups
  uint32_t kept_pages() const;       // likewise: not used, but found by their tokens
  uint32_t kept_snapshots() const { return snapshots_.kept(); }
  uint32_t used_swap_pages() const;  // in all groups
  size_t remembered() const { return index_.size(); }  // beginnings of prompts in the index, with pages or on the way to them

 private:
  struct Found {
    uint32_t usable = 0, branch = 0;  // pages; a branch is usable but for a snapshot
  };
  uint32_t pages_for(uint32_t tokens) const { return static_cast<uint32_t>((uint64_t{tokens} + page_tokens_ - 1) / page_tokens_); }
  uint32_t first_seen_page(const CacheGroup& group, uint32_t past) const;
  Found search(std::span<const int32_t> prompt);  // fills path_
  bool must_copy(const SequencePages& owned, uint32_t group, uint32_t past) const;
  uint32_t available_without(uint32_t group, std::span<const SequencePages* const> others) const;
  uint32_t take(uint32_t group);                  // a page, forgetting what it held
  void release_pages(uint32_t group, PageAllocator& allocator, std::span<const uint32_t> pages) const;
  void drop_snapshot(PrefixIndex::Node node);
  std::optional<uint32_t> add_snapshot_at(PrefixIndex::Node node);
  uint32_t reach_of_path(std::span<const int32_t> prompt, uint32_t first, uint32_t end, const HasPage& has_page) const;
  bool has_room_for(uint32_t index, PrefixIndex::Node parent, std::span<const int32_t> tokens, const HasPage& has_page) const;
  uint32_t snapshot_group() const { return static_cast<uint32_t>(groups_.size()); }  // snapshots are pages of one more group

  const std::vector<CacheGroup> groups_;
  const uint32_t page_tokens_;
  const bool reuses_prefixes_, has_slots_;
  const uint32_t snapshot_tokens_;         // distance of snapshots inside a prompt; 0: none
  std::vector<PageAllocator> allocators_;  // [group]
  std::vector<PageAllocator> swap_;        // [group]
  PageAllocator snapshots_;
  PrefixIndex index_;
  std::vector<PageMove> moves_;
  std::vector<PrefixIndex::Node> path_;    // scratch of match()
  std::vector<uint32_t> runs_;             // likewise, [group]
};

}  // namespace hearth::engine
