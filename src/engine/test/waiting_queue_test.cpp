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
    while (!queue.empty()) {
      Sequence* const next = next_of(queue);
      EXPECT_EQ(next_of(queue), next) << "asking changes nothing";
      ids.push_back(next->id());
      queue.started(*next);
      shares.charge(next->request().key, cost);
    }
    return ids;
  }

  static Sequence* next_of(WaitingQueue& queue) {
    auto candidates = queue.candidates();
    return candidates[queue.next(candidates)].sequence;
  }

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

TEST_F(WaitingQueueTest, ChoosesAmongThoseItIsGiven) {
  WaitingQueue queue(Policy::kFcfs, shares, first_token);
  for (int i = 0; i < 2; ++i) add(queue);
  const auto candidates = queue.candidates();
  std::vector<WaitingQueue::Candidate> younger = {candidates[1]};
  EXPECT_EQ(queue.next(younger), 0u);
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
  auto candidates = queue.candidates();
  for (int i = 0; i < 3; ++i) queue.next(candidates);
  EXPECT_EQ(searches, 8);
}

}  // namespace
}  // namespace hearth::engine
