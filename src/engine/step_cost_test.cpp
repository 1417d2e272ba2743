#include "engine/step_cost.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"

namespace hearth::engine {
namespace {

double machine(const StepLoad& load) {
  return 0.02 + 0.001 * load.generated_rows + 0.0005 * load.prompt_rows + 2e-8 * static_cast<double>(load.attended);
}

StepLoad random_load(Random& random) {
  StepLoad load;
  for (uint64_t i = random.below(20); i > 0; --i) load.add(1, static_cast<uint32_t>(random.below(4000)), true);
  if (random.below(2) == 0) load.add(1 + static_cast<uint32_t>(random.below(512)), static_cast<uint32_t>(random.below(4000)), false);
  return load;
}

TEST(StepCost, LearnsALinearMachine) {
  Random random(1);
  StepCost cost;
  EXPECT_FALSE(cost.knows_prompts());
  for (int i = 0; i < 400; ++i) {
    const StepLoad load = random_load(random);
    cost.observe(load, machine(load) * (0.95 + 0.1 * random.uniform()));
  }
  EXPECT_TRUE(cost.knows_prompts());
  for (int i = 0; i < 100; ++i) {
    const StepLoad load = random_load(random);
    EXPECT_NEAR(cost.predict(load) / machine(load), 1, 0.1);
  }
}

TEST(StepCost, FollowsAMachineThatChanges) {
  Random random(2);
  StepCost cost;
  for (const double factor : {1.0, 5.0, 0.5}) {
    StepLoad load;
    for (int i = 0; i < 300; ++i) {
      load = random_load(random);
      cost.observe(load, factor * machine(load));
    }
    EXPECT_NEAR(cost.predict(load) / (factor * machine(load)), 1, 0.1);
  }
}

// A long time without prompts must not make prompts look free.
TEST(StepCost, RemembersWhatItNoLongerSees) {
  Random random(3);
  StepCost cost;
  StepLoad prompt, decode;
  prompt.add(256, 0, false);
  for (int i = 0; i < 50; ++i) cost.observe(prompt, machine(prompt));
  for (int i = 0; i < 200000; ++i) {
    decode = {};
    decode.add(1 + static_cast<uint32_t>(random.below(8)), 100, true);
    cost.observe(decode, machine(decode));
  }
  decode = {};
  decode.add(1, 100, true);
  EXPECT_NEAR(cost.predict(decode) / machine(decode), 1, 0.05);
  StepLoad both = decode;
  both.add(256, 0, false);
  EXPECT_GT(cost.predict(both), machine(both) * 0.8);
  EXPECT_TRUE(std::isfinite(cost.predict(both)));
}

TEST(StepCost, RowsAreTheMostThatFit) {
  Random random(4);
  StepCost cost;
  for (int i = 0; i < 400; ++i) {
    const StepLoad load = random_load(random);
    cost.observe(load, machine(load));
  }
  for (int i = 0; i < 200; ++i) {
    StepLoad decode;
    for (uint64_t n = random.below(8); n > 0; --n) decode.add(1, 500, true);
    const double limit = 0.3 * random.uniform();
    const uint32_t past = static_cast<uint32_t>(random.below(3000)), rows = cost.rows_within(limit, decode, past, 512);
    const auto with = [&](uint32_t more) {
      StepLoad load = decode;
      load.add(more, past, false);
      return cost.predict(load);
    };
    if (rows > 0) EXPECT_LE(with(rows), limit);
    if (rows < 512) EXPECT_GT(with(rows + 1), limit);
  }
}

}  // namespace
}  // namespace hearth::engine
