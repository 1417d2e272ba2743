#pragma once
// Which pages of one pool are free, used or kept. Numbers only: neither memory nor meaning of a page is known here.
#include <cstdint>
#include <vector>

namespace hearth::engine {

// A page is free, used (references > 0), or kept: released by everyone, but with content worth finding again. Kept pages
// count as available; the one released longest ago goes first, and only when no page is free.
class PageAllocator {
 public:
  explicit PageAllocator(uint32_t pages);

  struct Taken {
    uint32_t page;
    bool was_kept;  // its old content is lost now: whoever remembers the page must forget it
  };
  Taken take();                  // one reference; available() must not be 0
  void share(uint32_t page);     // one more reference to a used or kept page
  void release(uint32_t page);   // one less; the last makes the page free, or kept
  void keep(uint32_t page);      // a used page becomes kept, not free, at its last release
  void discard(uint32_t page);   // its content is worth nothing any more: a kept page becomes free, a used one at its last release

  uint32_t pages() const { return static_cast<uint32_t>(entries_.size()) - 1; }
  uint32_t available() const { return static_cast<uint32_t>(free_.size()) + kept_; }
  uint32_t kept() const { return kept_; }
  uint32_t references(uint32_t page) const { return entries_[page].references; }

 private:
  struct Entry {
    uint32_t references = 0;
    bool is_worth_keeping = false;
    uint32_t older = 0, newer = 0;  // ring of kept pages
  };
  void link_newest(uint32_t page);
  void unlink(uint32_t page);
  uint32_t ring() const { return pages(); }  // the ring's anchor: its `newer` is the oldest kept page

  std::vector<Entry> entries_;  // one per page, and the anchor
  std::vector<uint32_t> free_;
  uint32_t kept_ = 0;
};

}  // namespace hearth::engine
