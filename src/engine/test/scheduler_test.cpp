// Who gets rows, who waits, who gives way.
#include "engine/scheduler.h"

#include <gtest/gtest.h>

#include "engine/test/recorder.h"

namespace hearth::engine {
namespace {

using Rows = std::vector<std::pair<RequestId, uint32_t>>;  // sequence, rows

class SchedulerTest : public ::testing::Test {
 protected:
  SchedulerTest()
      : cache({.groups = {{.window = 0, .pages = 4, .most_per_sequence = 4}}, .page_tokens = 4, .reuses_prefixes = false}),
        scheduler(cache, {.prefill_chunk = 6, .max_sequences = 3}) {}

  Sequence& add(uint32_t prompt_tokens) {
    Request request{.prompt = std::vector<int32_t>(prompt_tokens, 1), .sampling = {}, .stop_tokens = {}};
    sequences.push_back(std::make_unique<Sequence>(sequences.size() + 1, sequences.size() + 1, request, Chain::make({}, 9).value(), std::make_shared<Recorder>(), 0));
    scheduler.add(*sequences.back());
    return *sequences.back();
  }

  // One step: every sequence whose known tokens are all computed gets another.
  Rows step() {
    Rows rows;
    for (const Grant& grant : scheduler.pick(0)) {
      rows.emplace_back(grant.sequence->id(), grant.rows);
      EXPECT_GE(grant.sequence->pages.count * 4, grant.sequence->past() + grant.rows);
      grant.sequence->advance(grant.rows);
      if (grant.sequence->past() == grant.sequence->known()) grant.sequence->append(2, 0);
    }
    return rows;
  }

  Cache cache;
  Scheduler scheduler;
  std::vector<std::unique_ptr<Sequence>> sequences;
};

TEST_F(SchedulerTest, DecodesFirstAndSharesTheChunkInOrder) {
  add(3);
  EXPECT_EQ(step(), (Rows{{1, 3}}));
  add(4);
  add(2);
  EXPECT_EQ(step(), (Rows{{1, 1}, {2, 4}}));  // the third must wait: each running sequence is left a page
  EXPECT_EQ(step(), (Rows{{1, 1}, {2, 1}}));
}

TEST_F(SchedulerTest, CutsPromptsIntoChunks) {
  add(14);
  EXPECT_EQ(step(), (Rows{{1, 6}}));
  EXPECT_EQ(step(), (Rows{{1, 6}}));
  EXPECT_EQ(step(), (Rows{{1, 2}}));
  EXPECT_EQ(step(), (Rows{{1, 1}}));
}

TEST_F(SchedulerTest, TheYoungestGivesWayAndIsComputedAgain) {
  Sequence &old = add(1), &young = add(5);
  EXPECT_EQ(step(), (Rows{{1, 1}, {2, 5}}));          // one page and two; one is left
  for (int i = 0; i < 3; ++i) EXPECT_EQ(step(), (Rows{{1, 1}, {2, 1}}));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(step(), (Rows{{1, 1}}));  // the last page is the older's; the younger waits with its two
  EXPECT_EQ(young.pages.count, 2u);
  EXPECT_EQ(step(), (Rows{{1, 1}}));                  // now the older takes those
  EXPECT_EQ(young.stage(), Sequence::Stage::kWaiting);
  EXPECT_EQ(young.known(), 9u);                       // it forgets nothing
  EXPECT_EQ(young.pages.count, 0u);
  scheduler.remove(old);
  EXPECT_EQ(step(), (Rows{{2, 5}}));                  // its prompt, as prompt
  EXPECT_EQ(step(), (Rows{{2, 4}}));                  // then what it had generated, at once
  EXPECT_EQ(step(), (Rows{{2, 1}}));
}

TEST_F(SchedulerTest, NobodyOvertakes) {
  add(8);
  step();
  step();
  add(8);  // needs two pages, and one is to be left: there are two
  add(1);
  EXPECT_EQ(step(), (Rows{{1, 1}}));
  scheduler.remove(*sequences[0]);
  EXPECT_EQ(step(), (Rows{{2, 6}}));
  EXPECT_EQ(step(), (Rows{{2, 2}, {3, 1}}));
}

TEST_F(SchedulerTest, RunsNoMoreThanItsSlots) {
  Scheduler narrow(cache, {.prefill_chunk = 6, .max_sequences = 1});
  for (int i = 0; i < 2; ++i) {
    sequences.push_back(std::make_unique<Sequence>(i, i, Request{.prompt = {1}, .sampling = {}, .stop_tokens = {}}, Chain::make({}, 9).value(), nullptr, 0));
    narrow.add(*sequences.back());
  }
  EXPECT_EQ(narrow.pick(0).size(), 1u);
  narrow.remove(*sequences[0]);
  ASSERT_EQ(narrow.pick(0).size(), 1u);
  EXPECT_EQ(narrow.pick(0)[0].sequence, sequences[1].get());
  narrow.remove(*sequences[1]);
  EXPECT_TRUE(narrow.is_idle());
  EXPECT_TRUE(narrow.pick(0).empty());
}

}  // namespace
}  // namespace hearth::engine
