// In which order requests start.
#include "engine/waiting_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

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
    while (!queue.empty()) {
      Sequence* const next = next_of(queue);
      EXPECT_EQ(next_of(queue), next) << "asking changes nothing";
      ids.push_back(next->id());
      queue.started(*next);
      shares.charge(next->request().key, cost);
    }
    return ids;
  }

  static Sequence* next_of(WaitingQueue& queue) { return WaitingQueue::Order(queue).next(); }

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

// Who has started at one priority is behind the others at the next.
TEST_F(WaitingQueueTest, AKeyHasOneTurnAtAllPriorities) {
  WaitingQueue queue(Policy::kPriority, shares, first_token);
  add(queue, "a", 5);
  add(queue, "a", 1);
  add(queue, "b", 1);
  EXPECT_EQ(order(queue), (Ids{1, 3, 2}));
  for (const auto& [key, priority] : {std::pair("c", 5), {"c", 1}, {"d", 1}}) add(queue, key, priority);
  WaitingQueue::Order order(queue);
  Ids ids;
  for (int i = 0; i < 3; ++i) {
    Sequence& next = *order.next();
    ids.push_back(next.id());
    queue.started(next);
    order.end_turn();
  }
  EXPECT_EQ(ids, (Ids{4, 6, 5}));
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

TEST_F(WaitingQueueTest, NamesEachOnce) {
  WaitingQueue queue(Policy::kFcfs, shares, first_token);
  for (int i = 0; i < 2; ++i) add(queue);
  WaitingQueue::Order order(queue);
  EXPECT_EQ(order.next()->id(), 1u);
  EXPECT_EQ(order.next()->id(), 2u);
  EXPECT_EQ(order.next(), nullptr);
}

// While key b had one slow stream and nothing waiting, a computed much: neither owes the other anything for it.
TEST_F(WaitingQueueTest, AKeyForWhichNothingWaitsSavesNothingUp) {
  WaitingQueue queue(Policy::kFcfs, shares, first_token);
  for (const char* key : {"a", "b"}) sequence(key);  // run
  for (int step = 0; step < 20000; ++step) {
    shares.charge("a", 500);
    shares.charge("b", 1);
  }
  for (int i = 0; i < 6; ++i) add(queue, i % 2 == 0 ? "b" : "a");
  EXPECT_EQ(order(queue, 1000), (Ids{3, 4, 5, 6, 7, 8}));
}

// A search for every comparison would hold up every step.
TEST_F(WaitingQueueTest, LooksForEachPromptOnce) {
  int searches = 0;
  WaitingQueue queue(Policy::kLongestPrefix, shares, [&](std::span<const int32_t>) { return static_cast<uint32_t>(++searches); });
  for (int i = 0; i < 8; ++i) add(queue);
  WaitingQueue::Order order(queue);
  for (int i = 0; i < 3; ++i) order.next();
  EXPECT_EQ(searches, 8);
}

// Nobody may start yet; whoever looks for the next one among all of them each time takes a minute.
TEST_F(WaitingQueueTest, NamingAllTakesTimeThatGrowsWithTheirNumber) {
  constexpr size_t kMany = 5000;
  for (const Policy policy : {Policy::kFcfs, Policy::kLongestPrefix, Policy::kPriority}) {
    WaitingQueue queue(policy, shares, first_token);
    const auto begin = std::chrono::steady_clock::now();
    for (size_t i = 0; i < 2 * kMany; ++i) add(queue, std::to_string(i % kMany), static_cast<int32_t>(i / kMany), static_cast<int32_t>(i));
    for (size_t i = 0; i < kMany; ++i) shares.charge(std::to_string(i), i % 100);
    WaitingQueue::Order order(queue);
    size_t named = 0;
    while (order.next() != nullptr) ++named;
    EXPECT_EQ(named, 2 * kMany);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10)) << "milliseconds are usual";
  }
}

}  // namespace
}  // namespace hearth::engine
