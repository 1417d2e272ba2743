// Many at once: continuations share pages, keys and priorities get what they are due, nobody waits too long for a token.
#include <chrono>
#include <filesystem>
#include <numeric>

#include "engine/test/bench.h"
#include "runner/shared_data.h"

namespace hearth::engine {
namespace {

// A clock that only the fake model moves.
struct TimedBench {
  TimedBench(const FakeOptions& fake, EngineOptions options) : bench(fake, with_clock(std::move(options), seconds)) {
    bench.model.on_forward = [this](const ops::Step& step) {
      *seconds += 0.01 + 0.001 * step.generated_rows + 0.002 * (step.rows() - step.generated_rows);
    };
  }
  static EngineOptions with_clock(EngineOptions options, const std::shared_ptr<double>& seconds) {
    options.clock = [seconds] { return *seconds; };
    return options;
  }

  std::shared_ptr<double> seconds = std::make_shared<double>(100);
  Bench bench;
};

EngineOptions options_for(uint32_t sequences, uint32_t context = 256) {
  return {.context = context, .page_tokens = 4, .kv_memory_bytes = 8 << 20, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32,
          .prefill_chunk = 64, .max_sequences = sequences};
}

Request request_of(size_t prompt_tokens, uint32_t max_tokens, std::string key = "", int32_t first = 1) {
  Request request{.prompt = std::vector<int32_t>(prompt_tokens), .max_tokens = max_tokens, .sampling = {}, .stop_tokens = {}};
  for (size_t i = 0; i < prompt_tokens; ++i) request.prompt[i] = static_cast<int32_t>((static_cast<size_t>(first) * 13 + i * 7) % 97);
  request.key = std::move(key);
  return request;
}

TEST(Continuations, AreComputedOnceAndShareTheirPages) {
  for (const FakeOptions& fake : {FakeOptions{}, FakeOptions{.windows = {0, 8}}, FakeOptions{.is_recurrent = true}}) {
    Bench bench(fake, options_for(8));
    const Request request = request_of(42, 6);
    const auto recorders = bench.submit_several(request, 8);
    while (recorders[0]->tokens.empty()) bench.engine->step();
    EXPECT_EQ(bench.engine->stats().prompt_tokens, 42u);
    for (const auto& recorder : recorders) EXPECT_EQ(recorder->tokens.size(), 1u);
    if (fake.windows.size() == 1) EXPECT_EQ(bench.engine->load().used_pages, 11u);  // not one more than a single sequence has
    bench.engine->step();
    if (fake.windows.size() == 1) EXPECT_EQ(bench.engine->load().used_pages, 10u + 8u);  // the last page, partly filled, became eight
    bench.run();
    for (uint32_t i = 0; i < recorders.size(); ++i) {
      Request alone = request;
      alone.sampling.seed = continuation_seed(request.sampling.seed, i);
      expect_same(*recorders[i], *run_alone(fake, alone, 256), "continuation");
      EXPECT_EQ(recorders[i]->finish.cached_tokens, i == 0 ? 0u : 42u);
    }
    EXPECT_EQ(bench.engine->stats().prompt_tokens, 42u);
  }
}

// A burst of requests with one system prompt: it is computed once, although nobody had it when they came.
TEST(Sharing, ABurstComputesItsCommonBeginningOnce) {
  for (const FakeOptions& fake : {FakeOptions{}, FakeOptions{.windows = {0, 8}}, FakeOptions{.is_recurrent = true}})
    for (const uint32_t chunk : {16u, 512u}) {
      EngineOptions options = options_for(8);
      options.prefill_chunk = chunk;
      options.snapshot_pages = 0;
      Bench bench(fake, options);
      std::vector<Request> requests;
      std::vector<std::shared_ptr<Recorder>> recorders;
      for (int i = 0; i < 8; ++i) {
        requests.push_back(request_of(66, 3));
        for (int k = 0; k < 10; ++k) requests.back().prompt.push_back((i * 7 + k) % 97);
        recorders.push_back(bench.submit(requests.back()).second);
      }
      bench.run();
      EXPECT_EQ(bench.engine->stats().prompt_tokens, 64u + 8 * 12) << chunk;
      for (size_t i = 0; i < requests.size(); ++i) expect_same(*recorders[i], *run_alone(fake, requests[i], 256), "in a burst");
    }
}

TEST(Continuations, DifferAndRepeat) {
  Bench bench({}, options_for(4));
  const auto first = bench.submit_several(request_of(10, 12), 4);
  bench.run();
  const auto again = bench.submit_several(request_of(10, 12), 4);
  bench.run();
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(first[i]->tokens, again[i]->tokens);
    for (size_t j = 0; j < i; ++j) EXPECT_NE(first[i]->tokens, first[j]->tokens);
  }
}

// The first is cancelled at every step of its life: the others must not lose their prompt.
TEST(Continuations, OutliveTheOneThatComputedTheirPrompt) {
  for (int cancelled_after = 0; cancelled_after < 12; ++cancelled_after) {
    EngineOptions options = options_for(3);
    options.prefill_chunk = 8;
    Bench bench({}, options);
    const Request request = request_of(30, 5);
    std::vector<std::shared_ptr<Recorder>> recorders;
    for (int i = 0; i < 4; ++i) recorders.push_back(std::make_shared<Recorder>());
    const std::vector<std::shared_ptr<EventSink>> sinks(recorders.begin(), recorders.end());
    const auto ids = bench.engine->submit_several(request, sinks);
    ASSERT_TRUE(ids);
    for (int i = 0; i < cancelled_after; ++i) bench.engine->step();
    bench.engine->cancel((*ids)[0]);
    bench.run();
    for (uint32_t i = 1; i < recorders.size(); ++i) {
      Request alone = request;
      alone.sampling.seed = continuation_seed(0, i);
      expect_same(*recorders[i], *run_alone({}, alone, 256), "after a cancelled leader");
    }
  }
}

TEST(Continuations, AreRefusedTogether) {
  EngineOptions options = options_for(2);
  options.max_waiting = 4;
  Bench bench({}, options);
  const std::vector<std::shared_ptr<EventSink>> five(5, std::make_shared<Recorder>()), none, many(200, five[0]);
  const auto never = bench.engine->submit_several(request_of(4, 1), five);
  ASSERT_FALSE(never);
  EXPECT_EQ(never.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(never.error().message, "5 continuations are asked for and 4 requests may wait at once: ask for fewer, or raise --queue");
  EXPECT_FALSE(bench.engine->step());
  bench.submit_several(request_of(4, 1), 2);
  const auto busy = bench.engine->submit_several(request_of(4, 1), std::span(five).first(3));
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, ErrorCode::kBusy);
  EXPECT_EQ(busy.error().message, "2 requests are waiting already: try again in 1 s");
  EXPECT_EQ(busy.error().retry_after_seconds, 1u);
  for (const auto& sinks : {none, many}) EXPECT_EQ(bench.engine->submit_several(request_of(4, 1), sinks).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(bench.engine->stats().refused, 3u);
}

TEST(Queue, TellsWhenToComeBack) {
  EngineOptions options = options_for(1);
  options.max_waiting = 3;
  TimedBench timed({}, options);
  timed.bench.model.on_forward = [&](const ops::Step&) { *timed.seconds += 2.5; };
  for (int i = 0; i < 3; ++i) timed.bench.submit(request_of(4, 2, "", i));  // two steps each: one starts every 5 s
  const auto full = timed.bench.engine->submit(request_of(4, 2), std::make_shared<Recorder>());
  ASSERT_FALSE(full);
  timed.bench.run();
  for (int i = 0; i < 3; ++i) timed.bench.submit(request_of(4, 2, "", i));
  const auto later = timed.bench.engine->submit(request_of(4, 2), std::make_shared<Recorder>());
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().retry_after_seconds, 5u);
  EXPECT_EQ(later.error().message, "3 requests are waiting already: try again in 5 s");
  timed.bench.run();
  *timed.seconds += 1000;  // nobody asks, and nobody waits
  for (int i = 0; i < 3; ++i) timed.bench.submit(request_of(4, 2, "", i));
  timed.bench.engine->step();
  timed.bench.submit(request_of(4, 2));
  EXPECT_EQ(timed.bench.engine->submit(request_of(4, 2), std::make_shared<Recorder>()).error().retry_after_seconds, 5u);
  timed.bench.run();
}

TEST(Queue, TellsAKeyHowManyOfThoseThatWaitAreIts) {
  EngineOptions options = options_for(1);
  options.max_waiting = 8;
  Bench bench({}, options);
  bench.submit(request_of(4, 2, "a"));
  for (int i = 0; i < 4; ++i) bench.submit(request_of(4, 2, "b", i));
  const auto busy = bench.engine->submit(request_of(4, 2, "b"), std::make_shared<Recorder>());
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().message, "5 requests are waiting already, 4 of them yours: try again in 1 s");
  bench.run();
}

// All wait for the prompt of the first one, and then all end. Whoever looks through the queue for each of them takes minutes.
TEST(Queue, AStepTakesTimeThatGrowsWithWhatWaits) {
  constexpr size_t kMany = 4000;
  EngineOptions options = options_for(4);
  options.max_waiting = kMany;
  Bench bench({}, options);
  std::vector<std::pair<RequestId, std::shared_ptr<Recorder>>> all;
  for (size_t i = 0; i < kMany; ++i) all.push_back(bench.submit(request_of(200, 4, std::to_string(i))));
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 3; ++i) bench.engine->step();
  EXPECT_EQ(bench.engine->stats().running, 1u);
  EXPECT_EQ(bench.engine->stats().waiting, kMany - 1);
  for (const auto& [id, recorder] : all) bench.engine->cancel(id);
  bench.engine->step();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10)) << "milliseconds are usual";
  for (const auto& [id, recorder] : all) EXPECT_EQ(recorder->finish.reason, FinishReason::kCancelled);
  bench.run();
}

TEST(Deadline, EndsWhatWaitsAndWhatRuns) {
  TimedBench timed({}, options_for(1));
  Request late = request_of(4, 200);
  late.deadline_seconds = 0.1;
  const auto running = timed.bench.submit(late).second, waiting = timed.bench.submit(late).second;
  const auto patient = timed.bench.submit(request_of(4, 3)).second;
  timed.bench.run();
  EXPECT_EQ(running->finish.reason, FinishReason::kDeadline);
  EXPECT_GT(running->tokens.size(), 2u);
  EXPECT_EQ(waiting->finish.reason, FinishReason::kDeadline);
  EXPECT_EQ(waiting->tokens.size(), 0u);
  EXPECT_EQ(patient->finish.reason, FinishReason::kLength);
  late.deadline_seconds = -1;
  EXPECT_EQ(timed.bench.engine->submit(late, std::make_shared<Recorder>()).error().code, ErrorCode::kInvalidArgument);
}

// A long prompt comes while others decode: their tokens keep coming in time, and the prompt proceeds.
TEST(StepBudget, BoundsTheGapBetweenTokens) {
  EngineOptions options = options_for(4, 2048);
  options.prefill_chunk = 512;
  options.max_itl = 0.1;
  TimedBench timed({.context = 2048}, options);
  timed.bench.submit(request_of(600, 2, "", 5));
  timed.bench.run();  // the engine has seen a prompt
  std::vector<std::shared_ptr<Recorder>> talking;
  for (int i = 0; i < 3; ++i) talking.push_back(timed.bench.submit(request_of(3, 60, "", i)).second);
  for (int i = 0; i < 3; ++i) timed.bench.engine->step();
  const auto reader = timed.bench.submit(request_of(1500, 2, "", 9)).second;
  timed.bench.run();
  for (const auto& recorder : talking) EXPECT_LE(recorder->finish.longest_gap_seconds, 0.1 * 1.05);
  // 0.1 s less the base and three decoded rows pay for 43 rows a step.
  EXPECT_LT(reader->finish.first_token_seconds, 1500 / 43.0 * 0.1 * 1.1);
  EXPECT_EQ(timed.bench.engine->stats().generated_tokens, 2u + 3 * 60 + 2);
}

TEST(StepBudget, AlwaysLeavesAPage) {
  EngineOptions options = options_for(2);
  options.max_itl = 1e-9;
  TimedBench timed({}, options);
  timed.bench.submit(request_of(3, 30));
  timed.bench.engine->step();
  const auto reader = timed.bench.submit(request_of(40, 1, "", 9)).second;
  for (int i = 1; i <= 10; ++i) {
    timed.bench.engine->step();
    EXPECT_EQ(reader->progress, 4u * static_cast<uint32_t>(i));
  }
  timed.bench.run();
}

TEST(Fairness, AKeyWithManyRequestsDoesNotShutOutAnother) {
  EngineOptions options = options_for(2);
  TimedBench timed({}, options);
  std::vector<std::shared_ptr<Recorder>> flood;
  for (int i = 0; i < 40; ++i) flood.push_back(timed.bench.submit(request_of(20, 10, "flood", i)).second);
  for (int i = 0; i < 5; ++i) timed.bench.engine->step();
  const auto single = timed.bench.submit(request_of(20, 10, "single", 90)).second;
  while (!single->is_finished) timed.bench.engine->step();
  const auto finished = std::ranges::count_if(flood, [](const auto& recorder) { return recorder->is_finished; });
  EXPECT_LE(finished, 4);
  timed.bench.run();
}

// One key's endless prompt does not delay another key's short one: the rows of a step are shared.
TEST(Fairness, KeysShareTheRowsOfAStep) {
  EngineOptions options = options_for(2, 2048);
  options.prefill_chunk = 32;
  Bench bench({.context = 2048}, options);
  const auto endless = bench.submit(request_of(1600, 1, "a")).second;
  bench.engine->step();
  const auto brief = bench.submit(request_of(32, 1, "b", 9)).second;
  for (int i = 0; i < 2; ++i) bench.engine->step();
  EXPECT_TRUE(brief->is_finished);
  EXPECT_EQ(endless->progress, 32u + 2 * 16);
  bench.run();
}

TEST(Priority, TheHigherOnePushesTheLowerOut) {
  for (const uint64_t swap_bytes : {uint64_t{0}, uint64_t{1} << 20}) {
    EngineOptions options = options_for(1);
    options.policy = Policy::kPriority;
    options.swap_bytes = swap_bytes;
    Bench bench({}, options);
    const Request low_request = request_of(20, 20);
    const auto low = bench.submit(low_request).second;
    for (int i = 0; i < 5; ++i) bench.engine->step();
    Request high_request = request_of(10, 5, "", 9);
    high_request.priority = 3;
    const auto high = bench.submit(high_request).second;
    while (!high->is_finished) bench.engine->step();
    EXPECT_EQ(low->tokens.size(), 5u);
    const uint64_t computed = bench.engine->stats().prompt_tokens;
    bench.run();
    EXPECT_EQ(low->finish.preemptions, 1u);
    EXPECT_EQ(bench.engine->stats().swaps, swap_bytes == 0 ? 0u : 1u);
    if (swap_bytes != 0) EXPECT_EQ(bench.engine->stats().prompt_tokens, computed) << "what was swapped out is not computed again";
    expect_same(*low, *run_alone({}, low_request, 256), "low");
    expect_same(*high, *run_alone({}, high_request, 256), "high");
  }
}

// Two low ones run, and the high one would not fit though one of them gave way; the other ranks above it.
TEST(Priority, NobodyIsPushedOutInVain) {
  EngineOptions options = options_for(3, 64);
  options.kv_memory_bytes = 0;  // pages for one sequence of 64 tokens
  options.policy = Policy::kPriority;
  Bench bench({}, options);
  const auto of = [](size_t tokens, uint32_t max_tokens, int32_t priority, int32_t first) {
    Request request = request_of(tokens, max_tokens, "", first);
    request.priority = priority;
    return request;
  };
  const auto high = bench.submit(of(28, 8, 5, 1)).second;
  const auto low = bench.submit(of(8, 8, 0, 2)).second;
  for (int i = 0; i < 3; ++i) bench.engine->step();
  const auto large = bench.submit(of(40, 2, 3, 3)).second, fitting = bench.submit(of(40, 2, 3, 3)).second;
  for (int i = 0; i < 3; ++i) bench.engine->step();
  EXPECT_EQ(bench.engine->stats().preemptions, 0u);
  EXPECT_EQ(low->tokens.size(), 6u);
  bench.run();
  EXPECT_EQ(low->finish.preemptions, 0u);
}

// Low continuations share the pages of their prompt: they give them back together.
TEST(Priority, PagesSharedAmongThoseWhoGiveWayAreCounted) {
  EngineOptions options = options_for(4, 64);
  options.kv_memory_bytes = 0;
  options.policy = Policy::kPriority;
  Bench bench({}, options);
  const auto low = bench.submit_several(request_of(40, 4, "", 1), 2);
  for (int i = 0; i < 2; ++i) bench.engine->step();
  Request urgent = request_of(40, 2, "", 3);
  urgent.priority = 3;
  const auto high = bench.submit(urgent).second;
  while (!high->is_finished) bench.engine->step();
  EXPECT_FALSE(low[0]->is_finished);
  bench.run();
}

// From no swap memory to plenty, with pages for one context only: nothing is lost, leaked or different.
TEST(Swap, GivesTheSameAnswersInAnySpace) {
  const std::string folder = std::filesystem::temp_directory_path().string();
  size_t cases = 0;
  for (const FakeOptions& fake : {FakeOptions{}, FakeOptions{.windows = {0, 8}}, FakeOptions{.is_recurrent = true}}) {
    EngineOptions options{.context = 32, .page_tokens = 4, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32, .prefill_chunk = 8,
                          .max_sequences = 5};
    Random random(7);
    std::vector<Request> requests;
    std::vector<std::shared_ptr<Recorder>> alone;
    for (int i = 0; i < 6; ++i) {
      requests.push_back(random_request(random, fake.vocab, 20));
      requests.back().stop_tokens.clear();
      alone.push_back(run_alone(fake, requests.back(), 32));
    }
    uint64_t swaps = 0;
    for (options.swap_bytes = 0; options.swap_bytes <= 8000; options.swap_bytes += 500, ++cases) {
      options.swap_folder = options.swap_bytes % 1000 == 0 ? folder : "";
      Bench bench(fake, options);
      std::vector<std::shared_ptr<Recorder>> recorders;
      for (const Request& request : requests) recorders.push_back(bench.submit(request).second);
      bench.run();
      for (size_t i = 0; i < requests.size(); ++i) expect_same(*recorders[i], *alone[i], "swapped");
      swaps += bench.engine->stats().swaps;
    }
    EXPECT_GT(swaps, 0u);
  }
  testing::count_cases("engine properties", cases);
}

TEST(Swap, AFolderThatCannotHoldItIsNamed) {
  EngineOptions options = options_for(1);
  options.swap_bytes = 4096;
  options.swap_folder = "/proc/no/such/folder";
  FakeModel model({});
  MemoryBackend backend;
  const auto engine = make_engine(model, backend, options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kCannotCreate);
  EXPECT_TRUE(engine.error().message.starts_with("/proc/no/such/folder: no file can be made there")) << engine.error().message;
}

TEST(Snapshots, AreTakenWherePromptsPart) {
  EngineOptions options = options_for(1);
  options.snapshot_pages = 0;
  for (const FakeOptions& fake : {FakeOptions{.is_recurrent = true}, FakeOptions{.windows = {}, .is_recurrent = true}}) {
    Bench bench(fake, options);
    Request system = request_of(64, 1);
    const auto ask = [&](int32_t user) {
      Request request = system;
      for (int i = 0; i < 30; ++i) request.prompt.push_back((user + i) % 97);
      const auto recorder = bench.submit(request).second;
      bench.run();
      expect_same(*recorder, *run_alone(fake, request, 256), "snapshot");
      return recorder->finish.cached_tokens;
    };
    EXPECT_EQ(ask(1), 0u);
    EXPECT_EQ(ask(40), 0u);    // the tokens are known, a state where they part is not; now it is
    EXPECT_EQ(ask(80), 64u);
    EXPECT_EQ(ask(1), 92u);    // 94 tokens: its last page boundary
  }
}

TEST(Snapshots, StayWithinTheirNumber) {
  EngineOptions options = options_for(2);
  options.snapshots = 3;
  options.snapshot_pages = 2;
  Bench bench({.is_recurrent = true}, options);
  for (int i = 0; i < 6; ++i) {
    const Request request = request_of(50, 2, "", i);
    const auto first = bench.submit(request).second;
    bench.run();
    const auto again = bench.submit(request).second;
    bench.run();
    EXPECT_GT(again->finish.cached_tokens, 0u);
    EXPECT_EQ(first->tokens, again->tokens);
  }
}

TEST(Stats, AddUp) {
  TimedBench timed({}, options_for(2));
  const auto first = timed.bench.submit(request_of(20, 4)).second;
  timed.bench.run();
  const auto second = timed.bench.submit(request_of(20, 4)).second;
  timed.bench.run();
  const EngineStats stats = timed.bench.engine->stats();
  EXPECT_EQ(stats.prompt_tokens + stats.cached_tokens, 40u);
  EXPECT_EQ(stats.cached_tokens, second->finish.cached_tokens);
  EXPECT_EQ(stats.generated_tokens, 8u);
  EXPECT_EQ(stats.finished[static_cast<size_t>(FinishReason::kLength)], 2u);
  EXPECT_EQ(stats.running + stats.waiting, 0u);
  EXPECT_EQ(stats.steps, timed.bench.model.steps);
  // 20 rows of a prompt, then three decoded rows, on the clock above.
  EXPECT_NEAR(first->finish.first_token_seconds, 0.01 + 20 * 0.002, 1e-9);
  EXPECT_NEAR(first->finish.prompt_seconds, 0.01 + 20 * 0.002, 1e-9);
  EXPECT_NEAR(first->finish.generate_seconds, 3 * 0.011, 1e-9);
  EXPECT_NEAR(first->finish.longest_gap_seconds, 0.011, 1e-9);
  EXPECT_EQ(first->finish.queue_seconds, 0);
}

class Histograms final : public EngineObserver {
 public:
  void on_step(double seconds, uint32_t prompt_rows, uint32_t generated_rows) override {
    step_seconds += seconds;
    rows += prompt_rows + generated_rows;
  }
  void on_first_token(double) override { ++first_tokens; }
  void on_token_gap(double) override { ++gaps; }
  void on_finish(const Request& request, const Finish&) override { keys.push_back(request.key); }
  double step_seconds = 0;
  uint32_t rows = 0, first_tokens = 0, gaps = 0;
  std::vector<std::string> keys;
};

TEST(Observer, HearsEveryTokenOnce) {
  EngineOptions options = options_for(2);
  const auto heard = std::make_shared<Histograms>();
  options.observer = heard;
  TimedBench timed({}, options);
  for (const char* key : {"a", "b"}) timed.bench.submit(request_of(20, 4, key));
  timed.bench.run();
  EXPECT_EQ(heard->first_tokens, 2u);
  EXPECT_EQ(heard->gaps, 6u);
  EXPECT_EQ(heard->keys, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(heard->rows, timed.bench.engine->stats().prompt_tokens + 6);
  EXPECT_NEAR(heard->step_seconds, *timed.seconds - 100, 1e-9);
}

TEST(Waiting, EndsWithWorkOrAWake) {
  using namespace std::chrono_literals;
  Bench bench({}, options_for(1));
  EXPECT_FALSE(bench.engine->wait_for_work(1ms));
  bench.submit(request_of(4, 2));
  EXPECT_TRUE(bench.engine->wait_for_work(1h));
  bench.engine->step();
  EXPECT_TRUE(bench.engine->wait_for_work(1h)) << "there is more to generate";
  bench.run();
  bench.engine->wake();
  EXPECT_FALSE(bench.engine->wait_for_work(1h));
}

}  // namespace
}  // namespace hearth::engine
