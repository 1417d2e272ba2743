#include "engine/fair_shares.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/random.h"

namespace hearth::engine {
namespace {

const std::string kA = "a", kB = "b";

TEST(FairShares, TokensNotRequestsAreShared) {
  FairShares shares;
  for (const std::string* key : {&kA, &kB}) shares.join(*key);
  std::vector<const std::string*> turns = {&kA, &kB};
  uint64_t served[2] = {};
  for (int i = 0; i < 3000; ++i) {  // requests of a cost ten times as much
    const size_t chosen = shares.choose(turns);
    const bool is_a = turns[chosen] == &kA;
    const uint64_t tokens = is_a ? 1000 : 100;
    shares.charge(*turns[chosen], tokens);
    served[is_a ? 0 : 1] += tokens;
    std::rotate(turns.begin() + static_cast<ptrdiff_t>(chosen), turns.begin() + static_cast<ptrdiff_t>(chosen) + 1, turns.end());
  }
  EXPECT_NEAR(static_cast<double>(served[0]) / static_cast<double>(served[1]), 1, 0.02);
}

TEST(FairShares, AskingChangesNothing) {
  FairShares shares;
  for (const std::string* key : {&kA, &kB}) shares.join(*key);
  shares.charge(kA, 700);
  const std::string* turns[] = {&kA, &kB};
  EXPECT_EQ(shares.choose(turns), 1u);
  const int64_t a = shares.credit(kA), b = shares.credit(kB);
  EXPECT_EQ(shares.choose(turns), 1u);
  EXPECT_EQ(shares.credit(kA), a);
  EXPECT_EQ(shares.credit(kB), b);
}

TEST(FairShares, WhatWasComputedAloneIsNoDebt) {
  FairShares shares;
  shares.join(kA);
  shares.charge(kA, 1'000'000);
  shares.join(kB);
  shares.begin_to_wait(kB, {});
  EXPECT_EQ(shares.credit(kB), shares.credit(kA));
  shares.leave(kA);
  shares.leave(kB);
  shares.join(kA);
  EXPECT_EQ(shares.credit(kA), 0);
}

// One that computes little, while nothing of it waits, does not count as one who waits.
TEST(FairShares, WhoBeginsToWaitIsNoBetterOffThanThoseWhoWait) {
  FairShares shares;
  const std::string c = "c";
  for (const std::string* key : {&kA, &kB, &c}) shares.join(*key);
  shares.charge(kA, 10'000);
  shares.charge(c, 10);
  const std::string* const waiting[] = {&kA};
  shares.begin_to_wait(kB, waiting);
  EXPECT_EQ(shares.credit(kB), -10'000);
  shares.charge(kB, 5'000);
  shares.begin_to_wait(kB, waiting);
  EXPECT_EQ(shares.credit(kB), -15'000);  // debt stays
}

TEST(FairShares, LeavingKeepsDebtAndSavesNothing) {
  FairShares shares;
  for (const std::string* key : {&kA, &kB}) shares.join(*key);
  shares.charge(kA, 500);
  shares.leave(kA);
  shares.join(kA);
  EXPECT_EQ(shares.credit(kA), -500);  // coming back does not pay
  const std::string* turns[] = {&kA, &kB};
  shares.choose(turns);                 // both are topped up
  EXPECT_GT(shares.credit(kB), 0);
  shares.leave(kB);
  EXPECT_LE(shares.credit(kB), 0);
}

TEST(ShareOut, NobodyGetsLessThanAnotherUnlessItWantsLess) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const uint32_t rows = static_cast<uint32_t>(random.below(600));
    std::vector<uint64_t> wanted(1 + random.below(6));
    for (uint64_t& w : wanted) w = random.below(300);
    const auto shares = share_out(rows, wanted);
    const uint64_t all = std::accumulate(wanted.begin(), wanted.end(), uint64_t{0});
    EXPECT_EQ(std::accumulate(shares.begin(), shares.end(), uint64_t{0}), std::min<uint64_t>(rows, all));
    for (size_t a = 0; a < wanted.size(); ++a) {
      EXPECT_LE(shares[a], wanted[a]);
      for (size_t b = 0; b < wanted.size(); ++b)
        if (shares[a] + 1 < shares[b]) EXPECT_EQ(shares[a], wanted[a]);
    }
  }
}

}  // namespace
}  // namespace hearth::engine
