// Which bodies are read while others arrive.
#include "api/http/body_room.h"

#include <gtest/gtest.h>

#include <vector>

namespace hearth::api {
namespace {

class BodyRooms : public ::testing::Test {
 protected:
  std::unique_ptr<BodyRoom::Claim> claim(const std::string& key, size_t bytes) {
    return room.claim(key, bytes, [this] { ++found; });
  }
  BodyRoom room{256};
  int found = 0;
};

TEST_F(BodyRooms, WhatIsReadHasRoomForAllOfItAndOthersWaitInOrder) {
  auto a = claim("a", 100), b = claim("b", 100), c = claim("c", 100), d = claim("d", 50);
  EXPECT_TRUE(a->has_room() && b->has_room());
  EXPECT_FALSE(c->has_room() || d->has_room()) << "the smaller one does not overtake";
  EXPECT_EQ(found, 2);
  a.reset();
  EXPECT_TRUE(c->has_room() && d->has_room());
  EXPECT_EQ(found, 4);
}

TEST_F(BodyRooms, WhoWaitsMayLeave) {
  auto a = claim("a", 200), b = claim("b", 100), c = claim("c", 40);
  EXPECT_FALSE(b->has_room() || c->has_room());
  b.reset();
  EXPECT_TRUE(c->has_room());
}

TEST_F(BodyRooms, AKeyHoldsOneBodyOrHalfOfWhatOthersLeave) {
  std::vector<std::unique_ptr<BodyRoom::Claim>> greedy;
  for (int i = 0; i < 100; ++i) greedy.push_back(claim("greedy", 32));
  EXPECT_EQ(found, 4);
  const auto other = claim("other", 32);
  EXPECT_TRUE(other->has_room()) << "past those that wait";
  greedy.erase(greedy.begin(), greedy.begin() + 2);
  EXPECT_EQ(found, 6) << "half of the 224 that are left";
  EXPECT_TRUE(greedy[2]->has_room());
  EXPECT_FALSE(greedy[3]->has_room());
  const auto large = claim("large", 1000);  // as large as there is room, but not yet
  EXPECT_FALSE(large->has_room());
  greedy.clear();
  EXPECT_FALSE(large->has_room());
}

TEST_F(BodyRooms, OneBodyAlwaysFitsWhereNothingElseIsHeld) {
  { const auto half = claim("a", 200); }
  EXPECT_TRUE(claim("b", 1000)->has_room());
  EXPECT_TRUE(claim("c", 256)->has_room());
}

// However much is claimed at once: as long as those that have room come to their end, all do.
TEST_F(BodyRooms, NobodyWaitsForEver) {
  std::vector<std::unique_ptr<BodyRoom::Claim>> all;
  for (size_t i = 0; i < 500; ++i) all.push_back(claim(std::string(1, static_cast<char>('a' + i % 7)), 1 + i * 37 % 256));
  while (!all.empty()) ASSERT_GT(std::erase_if(all, [](const auto& one) { return one->has_room(); }), 0u);
  EXPECT_EQ(found, 500);
}

}  // namespace
}  // namespace hearth::api
