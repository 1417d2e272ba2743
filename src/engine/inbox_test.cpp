#include "engine/inbox.h"

#include <gtest/gtest.h>

#include <thread>

namespace hearth::engine {
namespace {

using namespace std::chrono_literals;

bool submit(Inbox& inbox, size_t count) {
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (size_t i = 0; i < count; ++i)
    sequences.push_back(std::make_unique<Sequence>(i, i, Request{.prompt = {1}, .sampling = {}, .stop_tokens = {}},
                                                   Chain::make({}, 9).value(), nullptr, 0));
  return inbox.submit(sequences);
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
  inbox.set_waiting(3);
  EXPECT_TRUE(submit(inbox, 1));
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
