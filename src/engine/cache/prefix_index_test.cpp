#include "engine/cache/prefix_index.h"

#include <gtest/gtest.h>

namespace hearth::engine {

static uint64_t always_seven(PrefixIndex::Node, std::span<const int32_t>) { return 7; }

TEST(PrefixIndex, IsRightEvenIfAllHashesCollide) {
  const uint32_t pages[] = {8};
  for (const PrefixIndex::Hash hash : {&PrefixIndex::hash_page, &always_seven}) {
    PrefixIndex index(2, pages, hash);
    const int32_t ab[] = {1, 2}, ba[] = {2, 1}, cd[] = {3, 4};
    const auto first = index.insert(PrefixIndex::kRoot, ab), other = index.insert(PrefixIndex::kRoot, ba);
    const auto below_first = index.insert(first, cd), below_other = index.insert(other, cd);
    EXPECT_NE(first, other);
    EXPECT_NE(below_first, below_other);
    EXPECT_EQ(index.insert(first, cd), below_first);
    EXPECT_EQ(index.find(other, cd), below_other);
    EXPECT_EQ(index.find(PrefixIndex::kRoot, cd), std::nullopt);
    EXPECT_EQ(index.size(), 4u);
  }
}

TEST(PrefixIndex, NodesLiveWhileTheyHoldAPageOrAChildOrAreHeld) {
  const uint32_t pages[] = {4, 4};
  PrefixIndex index(1, pages);
  const int32_t one[] = {1}, two[] = {2};
  const auto parent = index.insert(PrefixIndex::kRoot, one), child = index.insert(parent, two);
  index.set_page(child, 1, 3);
  EXPECT_EQ(index.page(child, 1), 3u);
  EXPECT_EQ(index.page(child, 0), PrefixIndex::kNoPage);
  index.drop(parent);
  index.drop(child);
  EXPECT_EQ(index.size(), 2u);
  index.hold(child);
  index.forget(1, 3);
  EXPECT_EQ(index.size(), 2u);
  index.drop(child);  // takes its parent along
  EXPECT_EQ(index.size(), 0u);
  EXPECT_EQ(index.find(PrefixIndex::kRoot, one), std::nullopt);
}

}  // namespace hearth::engine
