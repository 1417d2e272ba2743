#include "engine/cache/page_allocator.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "base/random.h"

namespace hearth::engine {

TEST(PageAllocator, HandsOutFreePagesBeforeKeptOnesAndTheOldestKeptFirst) {
  PageAllocator pages(3);
  const uint32_t a = pages.take().page, b = pages.take().page, c = pages.take().page;
  EXPECT_EQ(pages.available(), 0u);
  for (const uint32_t page : {a, b}) pages.keep(page);
  for (const uint32_t page : {b, a, c}) pages.release(page);
  EXPECT_EQ(pages.available(), 3u);
  EXPECT_EQ(pages.kept(), 2u);
  auto taken = pages.take();
  EXPECT_EQ(taken.page, c);
  EXPECT_FALSE(taken.was_kept);
  taken = pages.take();
  EXPECT_EQ(taken.page, b);
  EXPECT_TRUE(taken.was_kept);
  pages.release(b);  // no longer worth keeping: its content was overwritten
  EXPECT_EQ(pages.kept(), 1u);
}

TEST(PageAllocator, SharedPagesStayUntilTheLastRelease) {
  PageAllocator pages(1);
  const uint32_t page = pages.take().page;
  pages.keep(page);
  pages.release(page);
  pages.share(page);  // found again
  EXPECT_EQ(pages.available(), 0u);
  pages.share(page);
  pages.release(page);
  EXPECT_EQ(pages.available(), 0u);
  pages.release(page);
  EXPECT_EQ(pages.kept(), 1u);
}

// Against the obvious model: a set of free pages, a queue of kept ones, a map of counts.
TEST(PageAllocator, AgreesWithAnObviousOne) {
  constexpr uint32_t kPages = 7;
  Random random(1);
  PageAllocator pages(kPages);
  std::set<uint32_t> free, worth;
  std::deque<uint32_t> kept;
  std::vector<uint32_t> references(kPages);
  for (uint32_t p = 0; p < kPages; ++p) free.insert(p);
  for (int i = 0; i < 20000; ++i) {
    const uint32_t page = static_cast<uint32_t>(random.below(kPages));
    const bool is_kept = std::find(kept.begin(), kept.end(), page) != kept.end();
    switch (random.below(4)) {
      case 0: {
        if (free.empty() && kept.empty()) break;
        const auto taken = pages.take();
        ASSERT_EQ(taken.was_kept, free.empty());
        if (taken.was_kept) {
          ASSERT_EQ(taken.page, kept.front());
          kept.pop_front();
          worth.erase(taken.page);
        } else {
          ASSERT_EQ(free.erase(taken.page), 1u);
        }
        references[taken.page] = 1;
        break;
      }
      case 1:
        if (references[page] == 0 && !is_kept) break;
        pages.share(page);
        if (references[page]++ == 0) std::erase(kept, page);
        break;
      case 2:
        if (references[page] == 0) break;
        pages.release(page);
        if (--references[page] > 0) break;
        if (worth.contains(page)) kept.push_back(page);
        else free.insert(page);
        break;
      default:
        if (references[page] == 0) break;
        pages.keep(page);
        worth.insert(page);
    }
    ASSERT_EQ(pages.available(), free.size() + kept.size());
    ASSERT_EQ(pages.kept(), kept.size());
    for (uint32_t p = 0; p < kPages; ++p) ASSERT_EQ(pages.references(p), references[p]);
  }
}

}  // namespace hearth::engine
