#pragma once
// The books of the KV cache: which sequence owns which pages, group by group, and which pages can be found again by the
// tokens they were computed from. Page numbers only; page_pool.h has the memory.
//
// Only whole pages of prompt tokens are published. Pages with generated tokens were computed by other kernels than the
// prompt they would be reused for, and the same prompt must give the same bits whether it was cached or not.
#include <cstdint>
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
};

// What one sequence owns. All lists have the same length: entry i covers tokens [i, i + 1) * page_tokens. Entries before
// `released` fell behind the window and were given back; they still name valid pages, whose content belongs to others.
struct SequencePages {
  std::vector<std::vector<uint32_t>> lists;  // [group]
  std::vector<uint32_t> released;            // [group]
  uint32_t count = 0;                        // pages in each list
  uint32_t published = 0;                    // leading pages known to the index
  PrefixIndex::Node node = PrefixIndex::kRoot;  // of the last published page, held
};

class Cache {
 public:
  Cache(std::vector<CacheGroup> groups, uint32_t page_tokens, bool reuses_prefixes);

  uint32_t page_tokens() const { return page_tokens_; }
  std::span<const CacheGroup> groups() const { return groups_; }

  // Gives an empty sequence the longest cached beginning of `prompt`, in whole pages and short of its last token, whose
  // logits are always computed. Returns its tokens.
  uint32_t match(std::span<const int32_t> prompt, SequencePages& owned);

  uint32_t reach(const SequencePages& owned) const;      // tokens the sequence could cover, were it to grow now
  void grow(SequencePages& owned, uint32_t tokens);      // at most reach()
  // Would a sequence of so many tokens find its pages now, with `spare` more left over in every group?
  bool fits(const SequencePages& owned, uint32_t tokens, uint32_t spare) const;

  void leave_window(SequencePages& owned, uint32_t past);  // gives back what no query at or after `past` sees
  void publish(SequencePages& owned, std::span<const int32_t> computed_prompt);
  void release(SequencePages& owned);                      // everything; `owned` is empty afterwards

  uint32_t used_pages() const;   // in all groups
  uint32_t kept_pages() const;   // likewise: not used, but found by their tokens
  size_t remembered() const { return index_.size(); }  // beginnings of prompts in the index, with pages or on the way to them

 private:
  uint32_t pages_for(uint32_t tokens) const { return static_cast<uint32_t>((uint64_t{tokens} + page_tokens_ - 1) / page_tokens_); }
  uint32_t first_seen_page(const CacheGroup& group, uint32_t past) const;
  uint32_t longest_match(std::span<const int32_t> prompt);  // pages; fills path_

  const std::vector<CacheGroup> groups_;
  const uint32_t page_tokens_;
  const bool reuses_prefixes_;
  std::vector<PageAllocator> allocators_;  // [group]
  PrefixIndex index_;
  std::vector<PrefixIndex::Node> path_;    // scratch of match()
  std::vector<uint32_t> runs_;             // likewise, [group]
};

}  // namespace hearth::engine
