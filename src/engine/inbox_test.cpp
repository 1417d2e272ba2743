#include "engine/inbox.h"

#include <gtest/gtest.h>

#include <thread>

namespace hearth::engine {
namespace {

using namespace std::chrono_literals;

bool submit(Inbox& inbox, size_t count, const std::string& key = "") {
  std::vector<std::unique_ptr<Sequence>> sequences;
  Request request{.prompt = {1}, .sampling = {}, .stop_tokens = {}};
  request.key = key;
  for (size_t i = 0; i < count; ++i) sequences.push_back(std::make_unique<Sequence>(i, i, request, Chain::make({}, 9).value(), nullptr, 0));
  return !inbox.submit(sequences);
}

// So many as there are places for.
uint32_t flood(Inbox& inbox, const std::string& key) {
  uint32_t taken = 0;
  while (submit(inbox, 1, key)) ++taken;
  return taken;
}

TEST(Inbox, RefusesAllOfAFamilyOrTakesAll) {
  Inbox inbox(4);
  EXPECT_TRUE(submit(inbox, 2));
  EXPECT_FALSE(submit(inbox, 3));
  EXPECT_EQ(inbox.refused(), 3u);
  EXPECT_TRUE(submit(inbox, 2));
  EXPECT_FALSE(submit(inbox, 1));
  EXPECT_EQ(inbox.take().submitted.size(), 4u);
  EXPECT_FALSE(submit(inbox, 1)) << "what was taken in still waits";
  inbox.set_waiting(3, {{"", 3}});
  EXPECT_TRUE(submit(inbox, 1));
}

TEST(Inbox, AKeyThatAsksWithoutEndDoesNotShutOutAnother) {
  Inbox inbox(64);
  EXPECT_EQ(flood(inbox, "a"), 64u) << "alone, it may have all";
  inbox.take();
  EXPECT_FALSE(submit(inbox, 1, "b"));
  inbox.set_waiting(63, {{"a", 63}});  // one has started
  EXPECT_EQ(flood(inbox, "a"), 0u);
  EXPECT_TRUE(submit(inbox, 1, "b"));
  inbox.take();
  inbox.set_waiting(30, {{"a", 30}});  // all of b have started
  EXPECT_EQ(flood(inbox, "a"), 2u);
  EXPECT_EQ(flood(inbox, "b"), 16u) << "half of what a leaves";
}

TEST(Inbox, AKeyThatAsksNoMoreIsForgotten) {
  Inbox inbox(4);
  const auto start_all = [&] {
    inbox.take();
    inbox.set_waiting(1, {{"a", 1}});
  };
  EXPECT_EQ(flood(inbox, "a"), 4u);
  EXPECT_FALSE(submit(inbox, 1, "b"));
  start_all();
  EXPECT_EQ(flood(inbox, "a"), 1u);
  for (int i = 0; i < 300; ++i) {
    start_all();
    submit(inbox, 1, "a");
  }
  start_all();
  EXPECT_EQ(flood(inbox, "a"), 3u);
  inbox.take();
  EXPECT_FALSE(submit(inbox, 1, "b"));
  inbox.set_waiting(0, {});
  EXPECT_EQ(flood(inbox, "a"), 4u) << "nobody waited";
}

TEST(Inbox, WaitsForMailAWakeOrTheEnd) {
  Inbox inbox(4);
  EXPECT_FALSE(inbox.wait(1ms));
  inbox.wake();
  EXPECT_FALSE(inbox.wait(1h)) << "a wake before the wait is not lost";
  inbox.cancel(7);
  EXPECT_TRUE(inbox.wait(1h));
  EXPECT_EQ(inbox.take().cancelled, std::vector<RequestId>{7});
  std::thread other([&] { submit(inbox, 1); });
  EXPECT_TRUE(inbox.wait(1h));
  other.join();
  std::thread waker([&] { inbox.wake(); });
  inbox.take();
  EXPECT_FALSE(inbox.wait(1h));
  waker.join();
}

}  // namespace
}  // namespace hearth::engine
