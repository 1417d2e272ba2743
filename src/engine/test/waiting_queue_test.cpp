// In which order requests start.
#include "engine/waiting_queue.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace hearth::engine {
namespace {

class WaitingQueueTest : public ::testing::Test {
 protected:
  Sequence& sequence(const std::string& key = "", int32_t priority = 0, int32_t first_token = 1) {
    Request request{.prompt = {first_token}, .sampling = {}, .stop_tokens = {}};
    request.key = key;
    request.priority = priority;
    const RequestId id = sequences.size() + 1;
    sequences.push_back(std::make_unique<Sequence>(id, id, request, Chain::make({}, 99).value(), nullptr, 0));
    shares.join(key);
    return *sequences.back();
  }
  void add(WaitingQueue& queue, const std::string& key = "", int32_t priority = 0, int32_t first_token = 1) {
    queue.add(sequence(key, priority, first_token));
  }
  // Starts everyone; each costs its key so many tokens at once.
  std::vector<RequestId> order(WaitingQueue& queue, uint64_t cost = 100) {
    std::vector<RequestId> ids;
    while (Sequence* next = queue.next(anyone)) {
      EXPECT_EQ(queue.next(anyone), next) << "asking changes nothing";
      ids.push_back(next->id());
      queue.started(*next);
      shares.charge(next->request().key, cost);
    }
    EXPECT_TRUE(queue.empty());
    return ids;
  }

  const WaitingQueue::MayStart anyone = [](const Sequence&) { return true; };
  const WaitingQueue::CachedTokens first_token = [](std::span<const int32_t> prompt) { return static_cast<uint32_t>(prompt[0]); };
  FairShares shares;
  std::vector<std::unique_ptr<Sequence>> sequences;
};

using Ids = std::vector<RequestId>;

TEST_F(WaitingQueueTest, FirstComeFirstServed) {
  WaitingQueue queue(Policy::kFcfs, shares, first_token);
  for (int i = 0; i < 4; ++i) add(queue);
  EXPECT_EQ(order(queue), (Ids{1, 2, 3, 4}));
}

TEST_F(WaitingQueueTest, KeysTakeTurns) {
  WaitingQueue queue(Policy::kFcfs, shares, first_token);
  for (int i = 0; i < 4; ++i) add(queue, "a");
  for (int i = 0; i < 2; ++i) add(queue, "b");
  EXPECT_EQ(order(queue), (Ids{1, 5, 2, 6, 3, 4}));
}

TEST_F(WaitingQueueTest, WhoGaveWayComesFirst) {
  WaitingQueue queue(Policy::kFcfs, shares, first_token);
  add(queue);
  Sequence &older = sequence(), &younger = sequence();
  queue.put_back(younger);
  queue.put_back(older);
  EXPECT_EQ(order(queue), (Ids{2, 3, 1}));
}

TEST_F(WaitingQueueTest, TheHighestPriorityComesFirstOfAll) {
  WaitingQueue queue(Policy::kPriority, shares, first_token);
  add(queue, "a", 1);
  add(queue, "b", 5);
  add(queue, "a", 5);
  queue.put_back(sequence("a", 1));
  queue.put_back(sequence("b", -1));
  EXPECT_EQ(order(queue), (Ids{3, 2, 4, 1, 5}));  // of the two with 5, a's, whose turn came first
}

TEST_F(WaitingQueueTest, TheLongestPrefixComesFirstButNobodyStarves) {
  WaitingQueue queue(Policy::kLongestPrefix, shares, first_token);
  add(queue, "", 0, 1);
  add(queue, "", 0, 7);
  add(queue, "", 0, 9);
  EXPECT_EQ(order(queue), (Ids{3, 2, 1}));
  add(queue, "", 0, 1);  // 4
  for (uint32_t i = 0; i < WaitingQueue::kMostPassedOver + 3; ++i) add(queue, "", 0, 5);
  const Ids ids = order(queue);
  EXPECT_EQ(std::ranges::find(ids, 4u) - ids.begin(), WaitingQueue::kMostPassedOver);
}

TEST_F(WaitingQueueTest, SkipsWhoMayNotStart) {
  WaitingQueue queue(Policy::kFcfs, shares, first_token);
  for (int i = 0; i < 2; ++i) add(queue);
  EXPECT_EQ(queue.next([](const Sequence& sequence) { return sequence.id() == 2; })->id(), 2u);
  EXPECT_EQ(queue.next([](const Sequence&) { return false; }), nullptr);
}

}  // namespace
}  // namespace hearth::engine
