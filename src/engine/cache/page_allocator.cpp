#include "engine/cache/page_allocator.h"

#include "base/check.h"

namespace hearth::engine {

PageAllocator::PageAllocator(uint32_t pages) : entries_(size_t{pages} + 1) {
  entries_[pages].older = entries_[pages].newer = pages;
  free_.reserve(pages);
  for (uint32_t page = pages; page-- > 0;) free_.push_back(page);
}

PageAllocator::Taken PageAllocator::take() {
  HEARTH_CHECK(available() > 0, "a page was taken although none is available");
  Taken taken{entries_[ring()].newer, true};
  if (!free_.empty()) {
    taken = {free_.back(), false};
    free_.pop_back();
  } else {
    unlink(taken.page);
    entries_[taken.page].is_worth_keeping = false;
  }
  entries_[taken.page].references = 1;
  return taken;
}

void PageAllocator::share(uint32_t page) {
  Entry& entry = entries_[page];
  HEARTH_CHECK(entry.references > 0 || entry.is_worth_keeping, "a free page was shared");
  if (entry.references++ == 0) unlink(page);
}

void PageAllocator::release(uint32_t page) {
  Entry& entry = entries_[page];
  HEARTH_CHECK(entry.references > 0, "a page was released twice");
  if (--entry.references > 0) return;
  if (entry.is_worth_keeping) link_newest(page);
  else free_.push_back(page);
}

void PageAllocator::keep(uint32_t page) {
  HEARTH_CHECK(entries_[page].references > 0, "only a used page can become worth keeping");
  entries_[page].is_worth_keeping = true;
}

void PageAllocator::discard(uint32_t page) {
  Entry& entry = entries_[page];
  HEARTH_CHECK(entry.is_worth_keeping, "a page was discarded that nobody keeps");
  entry.is_worth_keeping = false;
  if (entry.references > 0) return;
  unlink(page);
  free_.push_back(page);
}

void PageAllocator::link_newest(uint32_t page) {
  Entry& anchor = entries_[ring()];
  entries_[page].older = anchor.older;
  entries_[page].newer = ring();
  entries_[anchor.older].newer = page;
  anchor.older = page;
  ++kept_;
}

void PageAllocator::unlink(uint32_t page) {
  const Entry& entry = entries_[page];
  entries_[entry.older].newer = entry.newer;
  entries_[entry.newer].older = entry.older;
  --kept_;
}

}  // namespace hearth::engine
