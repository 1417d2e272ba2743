// Memory that runs out at any allocation of the engine: nothing is lost, nothing is told twice, and the answers stay the same.
// This file replaces operator new of the whole test binary; it fails only where a test says so, in the test's own thread.
#include <fmt/format.h>

#include <cstdlib>
#include <new>
#include <numeric>

#include "base/test_folder.h"
#include "engine/test/bench.h"
#include "runner/shared_data.h"

namespace {

constexpr int64_t kNever = -1;
thread_local int64_t allocations_left = kNever;  // before one fails
thread_local bool fails_for_good = false;        // or that one only
thread_local bool has_failed = false;

}  // namespace

[[gnu::noinline]] void* operator new(size_t bytes) {
  if (allocations_left == 0) {
    has_failed = true;
    if (!fails_for_good) allocations_left = kNever;
    throw std::bad_alloc();
  }
  if (allocations_left > 0) --allocations_left;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace hearth::engine {
namespace {

// Memory runs out after `allocations` more, until the end of the scope.
class Shortage {
 public:
  Shortage(int64_t allocations, bool is_lasting) {
    has_failed = false;
    fails_for_good = is_lasting;
    allocations_left = allocations;
  }
  ~Shortage() { allocations_left = kNever; }
};

// Sinks and the model belong to the test: there is memory for them.
class Plenty {
 public:
  ~Plenty() { allocations_left = left_; }

 private:
  const int64_t left_ = std::exchange(allocations_left, kNever);
};

class ShelteredSink final : public EventSink {
 public:
  void on_prompt_progress(uint32_t done, uint32_t total) override {
    const Plenty plenty;
    recorder_.on_prompt_progress(done, total);
  }
  void on_prompt_logits(uint32_t position, std::span<const float> logits) override {
    const Plenty plenty;
    recorder_.on_prompt_logits(position, logits);
  }
  void on_token(int32_t token, float logprob, std::span<const TokenLogprob> top) override {
    const Plenty plenty;
    recorder_.on_token(token, logprob, top);
  }
  void on_finish(const Finish& finish) override {
    const Plenty plenty;
    recorder_.on_finish(finish);
  }
  const Recorder& recorder() const { return recorder_; }

 private:
  Recorder recorder_;
};

const std::vector<FakeOptions> kModels = {{}, {.windows = {0, 8}}, {.is_recurrent = true}};

struct Trial {
  std::vector<Request> requests;
  std::vector<std::shared_ptr<Recorder>> alone;
};

Trial trial_of(const FakeOptions& fake) {
  Trial trial;
  Random random(11);
  for (int i = 0; i < 4; ++i) {
    trial.requests.push_back(random_request(random, fake.vocab, 24));
    trial.requests.back().max_tokens = 6;
    trial.requests.back().want_prompt_logits = i == 2;
    trial.alone.push_back(run_alone(fake, trial.requests.back(), 32));
  }
  return trial;
}

EngineOptions small_options() {
  EngineOptions options{.context = 32, .page_tokens = 4, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32, .prefill_chunk = 8,
                        .max_sequences = 3};
  options.swap_bytes = 4000;
  options.policy = Policy::kPriority;
  return options;
}

// Everything is submitted, then stepped through while the n-th allocation fails. Returns whether there was an n-th.
bool run_short_of_memory(const FakeOptions& fake, const EngineOptions& options, const Trial& trial, int64_t n, bool is_lasting) {
  Bench bench(fake, options);
  std::vector<std::shared_ptr<ShelteredSink>> sinks;
  for (const Request& request : trial.requests) {
    sinks.push_back(std::make_shared<ShelteredSink>());
    EXPECT_TRUE(bench.engine->submit(request, sinks.back()));
  }
  {
    const Shortage shortage(n, is_lasting);
    for (int steps = 0; bench.engine->step(); ++steps) {
      if (steps > 1000) break;
    }
  }
  const bool was_reached = has_failed;
  bench.run();  // there is memory again, and nothing is left in pages
  for (size_t i = 0; i < sinks.size(); ++i) {
    const std::string what = fmt::format("allocation {}, request {}", n, i);
    const Recorder& recorder = sinks[i]->recorder();
    EXPECT_TRUE(recorder.is_finished) << what;
    if (recorder.finish.reason != FinishReason::kError) expect_same(recorder, *trial.alone[i], what);
    else EXPECT_TRUE(is_lasting && recorder.finish.error.code == ErrorCode::kDoesNotFit) << what << ": " << recorder.finish.error.text();
  }
  const EngineStats stats = bench.engine->stats();
  EXPECT_EQ(stats.waiting + stats.running, 0u) << "allocation " << n;
  EXPECT_EQ(std::accumulate(stats.finished.begin(), stats.finished.end(), uint64_t{0}), sinks.size()) << "allocation " << n;
  const auto after = bench.submit(trial.requests[0]).second;
  bench.run();
  expect_same(*after, *trial.alone[0], "afterwards");
  return was_reached;
}

TEST(Allocation, AnyOneMayFailWhileRequestsAreSteppedThrough) {
  size_t cases = 0;
  for (const FakeOptions& fake : kModels) {
    const Trial trial = trial_of(fake);
    for (int64_t n = 0; run_short_of_memory(fake, small_options(), trial, n, false); ++n, ++cases)
      if (HasFailure()) return;
  }
  EXPECT_GT(cases, 300u);
  testing::count_cases("allocations that fail", cases);
}

TEST(Allocation, WhenAllFailFromSomeMomentOnEverybodyIsTold) {
  size_t cases = 0;
  const Trial trial = trial_of({});
  for (int64_t n = 0; run_short_of_memory({}, small_options(), trial, n, true); ++n, ++cases)
    if (HasFailure()) return;
  testing::count_cases("allocations that fail", cases);
}

// Their copies have gone their own ways: none is copied again.
TEST(Allocation, ContinuationsAreEachComputedAgain) {
  Bench bench({}, small_options());
  Request request{.prompt = std::vector<int32_t>(10, 3), .max_tokens = 6, .sampling = {}, .stop_tokens = {}};
  const auto recorders = bench.submit_several(request, 3);
  for (int steps = 0; steps < 3; ++steps) bench.engine->step();
  ASSERT_FALSE(recorders[2]->tokens.empty());
  bench.submit(request);  // there is no memory to take it in
  {
    const Shortage shortage(0, false);
    bench.engine->step();
    EXPECT_TRUE(has_failed);
  }
  bench.run();
  for (uint32_t i = 0; i < 3; ++i) {
    request.sampling.seed = continuation_seed(0, i);
    expect_same(*recorders[i], *run_alone({}, request, 32), "continuation");
  }
}

// What cannot be told is not left out: the request ends.
TEST(Allocation, ASinkWithoutMemoryEndsItsRequest) {
  class Forgetful final : public EventSink {
   public:
    void on_token(int32_t, float, std::span<const TokenLogprob>) override {
      if (++tokens == 3) throw std::bad_alloc();
    }
    void on_finish(const Finish& end) override { finish = end; }
    int tokens = 0;
    std::optional<Finish> finish;
  };
  const Trial trial = trial_of({});
  Bench bench({}, small_options());
  const auto forgetful = std::make_shared<Forgetful>();
  ASSERT_TRUE(bench.engine->submit(trial.requests[0], forgetful));
  const auto beside = bench.submit(trial.requests[1]).second;
  bench.run();
  ASSERT_TRUE(forgetful->finish);
  EXPECT_EQ(forgetful->finish->reason, FinishReason::kError);
  EXPECT_EQ(forgetful->tokens, 3);
  expect_same(*beside, *trial.alone[1], "beside");
}

TEST(Allocation, WhoWaitedHoldsNoPlaceAfterAllHaveFailed) {
  const Trial trial = trial_of({});
  EngineOptions options = small_options();
  options.max_sequences = options.max_waiting = 1;
  Bench bench({}, options);
  bench.submit(trial.requests[0]);
  bench.engine->step();
  bench.submit(trial.requests[1]);
  {
    const Shortage shortage(0, true);
    for (int steps = 0; bench.engine->step() && steps < 10; ++steps) {
    }
    EXPECT_TRUE(has_failed);
  }
  bench.run();
  const auto after = bench.submit(trial.requests[2]).second;
  bench.run();
  EXPECT_TRUE(after->is_finished);
}

// Every file is synced, which takes its time: some allocations stand for all.
TEST(Allocation, AnyOneMayFailBesidePrefixesOnDisk) {
  const Trial trial = trial_of({});
  size_t cases = 0;
  for (int64_t n = 0;; n += 29, ++cases) {
    const testing::TestFolder folder;
    EngineOptions options = small_options();
    options.disk_cache = {.folder = folder.path(), .model = "fake"};
    if (!run_short_of_memory({}, options, trial, n, false) || HasFailure()) break;
  }
  testing::count_cases("allocations that fail", cases);
}

TEST(Allocation, ASubmissionIsTakenWholeOrNotAtAll) {
  const Trial trial = trial_of({});
  size_t cases = 0;
  for (int64_t n = 0;; ++n, ++cases) {
    Bench bench({}, small_options());
    const auto beside = bench.submit(trial.requests[1]).second;
    const std::vector<std::shared_ptr<ShelteredSink>> sinks = {std::make_shared<ShelteredSink>(), std::make_shared<ShelteredSink>()};
    const std::vector<std::shared_ptr<EventSink>> given(sinks.begin(), sinks.end());
    Request request = trial.requests[0];
    bool was_taken = true;
    {
      const Shortage shortage(n, false);
      try {
        was_taken = bench.engine->submit_several(std::move(request), given).has_value();
      } catch (const std::bad_alloc&) {
        was_taken = false;
      }
    }
    const bool was_reached = has_failed;
    bench.run();
    EXPECT_EQ(was_taken, !was_reached) << n;
    for (const auto& sink : sinks) EXPECT_EQ(sink->recorder().is_finished, was_taken) << n;
    expect_same(*beside, *trial.alone[1], fmt::format("beside, allocation {}", n));
    if (!was_reached) break;
  }
  testing::count_cases("allocations that fail", cases);
}

}  // namespace
}  // namespace hearth::engine
