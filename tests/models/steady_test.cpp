// A step asks the heap for nothing once a step of its size has run: every architecture, prompts in pieces and generated tokens.
#include <gtest/gtest.h>

#include "checkpoint/checkpoint.h"
#include "models/allocations.h"
#include "models/golden_case.h"
#include "models/paged_sequence.h"
#include "ops/cpu/cpu_backend.h"
#include "runner/shared_data.h"

namespace hearth::testing {
namespace {

// Another model, with the heap watched while it runs steps.
class WatchedModel final : public model::Model {
 public:
  explicit WatchedModel(model::Model& inner) : inner_(inner) {}
  const model::ModelPlan& plan() const override { return inner_.plan(); }
  const model::StateShape& state_shape() const override { return inner_.state_shape(); }
  uint64_t weight_bytes() const override { return inner_.weight_bytes(); }
  model::WeightUse weight_use(uint32_t rows) const override { return inner_.weight_use(rows); }
  void forward(const ops::Step& step, const model::StateView& state, ops::Matrix logits) override {
    const HeapUse before = heap_use();
    inner_.forward(step, state, logits);
    steps_that_asked_ += heap_use() == before ? 0 : 1;
  }
  int take_steps_that_asked() { return std::exchange(steps_that_asked_, 0); }

 private:
  model::Model& inner_;
  int steps_that_asked_ = 0;
};

// A prompt in pieces, then tokens one by one: long enough that attention divides the context among threads.
void run_steps(WatchedModel& model) {
  constexpr uint32_t kPrompt = 600, kGenerated = 8;
  const std::vector<int32_t> tokens(kPrompt, 3);
  PagedSequence sequence(model, kPrompt + kGenerated);
  const std::span<const int32_t> prompt(tokens);
  sequence.append(prompt.first(256), /*are_generated=*/false);
  sequence.append(prompt.subspan(256, 43), /*are_generated=*/false);
  sequence.append(prompt.subspan(299), /*are_generated=*/false);
  for (uint32_t i = 0; i < kGenerated; ++i) sequence.append(prompt.first(1), /*are_generated=*/true);
}

TEST(Steady, AStepAsksTheHeapForNothing) {
  const auto backend = ops::cpu::make_backend({.threads = 2, .isa = {}});
  ASSERT_TRUE(backend) << backend.error().text();
  const auto cases = golden_cases();
  ASSERT_TRUE(cases) << cases.error().text();
  for (const GoldenCase& golden : *cases) {
    const auto files = checkpoint::open(golden.folder);
    ASSERT_TRUE(files) << files.error().text();
    const auto loaded = model::load(**files, **backend, {.context = golden.context});
    ASSERT_TRUE(loaded) << loaded.error().text();
    WatchedModel model(**loaded);
    run_steps(model);
    EXPECT_GT(model.take_steps_that_asked(), 0) << golden.name << ": the watch sees nothing";
    run_steps(model);
    EXPECT_EQ(model.take_steps_that_asked(), 0) << golden.name;
  }
  count_cases("steady models", cases->size());
}

}  // namespace
}  // namespace hearth::testing
