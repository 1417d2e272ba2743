#include "engine/prompt_memory.h"

#include <gtest/gtest.h>

#include <numeric>

namespace hearth::engine {
namespace {

std::vector<int32_t> counting(size_t tokens) {
  std::vector<int32_t> prompt(tokens);
  std::iota(prompt.begin(), prompt.end(), 0);
  return prompt;
}

TEST(PromptMemory, TellsWhereAndWhat) {
  PromptMemory memory(4);
  EXPECT_FALSE(memory.compare("a", counting(40)));
  auto changed = counting(50);
  changed[21] = 99;
  const auto miss = memory.compare("a", changed);
  ASSERT_TRUE(miss);
  EXPECT_EQ(miss->position, 21u);
  EXPECT_EQ(miss->first, 13u);
  EXPECT_EQ(miss->last, (std::vector<int32_t>{13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28}));
  EXPECT_EQ(miss->now[8], 99);
  EXPECT_EQ(miss->now.size(), 16u);
  EXPECT_FALSE(memory.compare("b", counting(40))) << "another key";
}

TEST(PromptMemory, IsSilentWhereNothingIsLost) {
  PromptMemory memory(4);
  memory.compare("a", counting(22));
  EXPECT_FALSE(memory.compare("a", counting(30))) << "the conversation went on";
  EXPECT_FALSE(memory.compare("a", counting(10))) << "it was asked to go back";
  memory.compare("a", counting(22));
  auto changed = counting(22);
  changed[21] = 99;
  EXPECT_FALSE(memory.compare("a", changed)) << "no whole page is lost";
  changed[0] = 99;
  EXPECT_FALSE(memory.compare("a", changed)) << "they have nothing in common";
}

TEST(PromptMemory, ForgetsTheKeyNotHeardOfForLongest) {
  PromptMemory memory(4);
  auto changed = counting(40);
  changed[21] = 99;
  for (const std::string key : {"a", "b"}) memory.compare(key, counting(40));
  for (size_t i = 0; i + 2 < PromptMemory::kMostKeys; ++i) memory.compare(std::to_string(i), counting(4));
  EXPECT_TRUE(memory.compare("a", changed));
  memory.compare("one more", counting(4));
  EXPECT_FALSE(memory.compare("b", changed));
  EXPECT_TRUE(memory.compare("a", counting(40)));
}

}  // namespace
}  // namespace hearth::engine
