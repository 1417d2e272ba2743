// Requests from submission to finish: refusals, reasons, figures, cancellation, threads.
#include "engine/engine.h"

#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>

#include "engine/test/bench.h"
#include "runner/shared_data.h"

namespace hearth::engine {
namespace {

const EngineOptions kSmall{.context = 32, .page_tokens = 4, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32, .prefill_chunk = 8,
                           .max_sequences = 2};

std::string refusal(const Request& request) {
  Bench bench({}, kSmall);
  const auto id = bench.engine->submit(request, std::make_shared<Recorder>());
  EXPECT_FALSE(id);
  EXPECT_FALSE(bench.engine->step()) << "a refused request must leave nothing to do";
  return id ? "" : id.error().message;
}

Request request_of(std::vector<int32_t> prompt, uint32_t max_tokens = 5) {
  return {.prompt = std::move(prompt), .max_tokens = max_tokens, .sampling = {}, .stop_tokens = {}};
}

TEST(Engine, RefusesWithTheFieldAndItsRange) {
  EXPECT_EQ(refusal(request_of({})), "prompt is empty, it must have at least one token");
  EXPECT_EQ(refusal(request_of({3, 97})), "prompt[1] is 97, tokens of this model lie between 0 and 96");
  EXPECT_EQ(refusal(request_of({-1})), "prompt[0] is -1, tokens of this model lie between 0 and 96");
  Request request = request_of({1});
  request.stop_tokens = {1000};
  EXPECT_EQ(refusal(request), "stop_tokens[0] is 1000, tokens of this model lie between 0 and 96");
  request = request_of({1});
  request.sampling.top_p = 1.5;
  EXPECT_EQ(refusal(request), "sampling.top_p is 1.5, it must be between 0 and 1");
  request = request_of({1});
  request.top_logprobs = 5000;
  EXPECT_EQ(refusal(request), "top_logprobs is 5000, it must be at most 1024");
}

TEST(Engine, RefusesAPromptWithoutRoomForAnAnswer) {
  Bench bench({}, kSmall);
  const auto full = bench.engine->submit(request_of(std::vector<int32_t>(32, 1)), std::make_shared<Recorder>());
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kDoesNotFit);
  EXPECT_NE(full.error().message.find("has 32 tokens and the context holds 32"), std::string::npos) << full.error().message;
  const auto recorder = bench.submit(request_of(std::vector<int32_t>(31, 1))).second;
  bench.run();
  EXPECT_EQ(recorder->tokens.size(), 1u);
  EXPECT_EQ(recorder->finish.reason, FinishReason::kContext);
}

TEST(Engine, SaysWhyItStopped) {
  Bench bench({}, kSmall);
  const auto run = [&](const Request& request) {
    const auto recorder = bench.submit(request).second;
    bench.run();
    return recorder;
  };
  const auto by_length = run(request_of({1, 2, 3}, 7));
  EXPECT_EQ(by_length->finish.reason, FinishReason::kLength);
  EXPECT_EQ(by_length->finish.generated_tokens, 7u);
  EXPECT_EQ(by_length->finish.prompt_tokens, 3u);

  const auto by_context = run(request_of({1, 2, 3}, 0));
  EXPECT_EQ(by_context->finish.reason, FinishReason::kContext);
  EXPECT_EQ(by_context->tokens.size(), 29u);
  EXPECT_EQ(run(request_of({1, 2, 3}, 29))->finish.reason, FinishReason::kLength);

  Request request = request_of({1, 2, 3}, 7);
  request.stop_tokens = {by_length->tokens[4]};
  const auto by_token = run(request);
  EXPECT_EQ(by_token->finish.reason, FinishReason::kStopToken);
  const auto expected = std::vector(by_length->tokens.begin(), std::ranges::find(by_length->tokens, by_length->tokens[4]) + 1);
  EXPECT_EQ(by_token->tokens, expected);  // the token itself is reported
}

TEST(Engine, ReportsTheModelsOwnLogProbabilities) {
  Request request = request_of({4, 5, 6}, 3);
  request.want_prompt_logits = true;
  request.top_logprobs = 5;
  request.sampling.temperature = 0.3;
  request.sampling.logit_bias = {{9, 50.0f}};  // chosen for sure, however unlikely the model finds it
  const auto recorder = run_alone({}, request, 32);
  ASSERT_EQ(recorder->prompt_logits.size(), 3u);
  EXPECT_EQ(recorder->tokens[0], 9);
  const std::vector<float>& logits = recorder->prompt_logits[2];
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit});
  EXPECT_NEAR(recorder->logprobs[0], logits[9] - std::log(sum), 1e-5);
  std::vector<float> sorted = logits;
  std::ranges::sort(sorted, std::greater());
  ASSERT_EQ(recorder->tops[0].size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(recorder->tops[0][i].logprob, sorted[i] - std::log(sum), 1e-5);
    EXPECT_EQ(logits[static_cast<size_t>(recorder->tops[0][i].token)], sorted[i]);
  }
}

TEST(Engine, BrokenLogitsEndOneRequestOnly) {
  const FakeOptions broken{.breaks_at_token = true};
  Bench bench(broken, kSmall);
  const auto bad = bench.submit(request_of({1, 13})).second, good = bench.submit(request_of({1, 2}, 3)).second;
  bench.run();
  EXPECT_EQ(bad->finish.reason, FinishReason::kError);
  EXPECT_EQ(bad->finish.error.code, ErrorCode::kInternal);
  EXPECT_NE(bad->finish.error.message.find("nan as logit of token 5"), std::string::npos) << bad->finish.error.message;
  EXPECT_NE(good->finish.reason, FinishReason::kError);
}

TEST(Engine, ForbiddingEverythingIsAnError) {
  Request request = request_of({1});
  for (int32_t token = 0; token < 97; ++token) request.sampling.logit_bias.emplace_back(token, -INFINITY);
  const auto recorder = run_alone({}, request, 32);
  EXPECT_EQ(recorder->finish.reason, FinishReason::kError);
  EXPECT_EQ(recorder->finish.error.code, ErrorCode::kInvalidArgument);
}

TEST(Engine, CancelsAtEveryStepWithoutATrace) {
  Random random(3);
  std::vector<Request> requests;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(random_request(random, 97, 20));
    requests.back().stop_tokens.clear();
    requests.back().max_tokens = 8;
  }
  size_t cases = 0;
  for (size_t victim = 0; victim < requests.size(); ++victim) {
    bool was_running = true;
    for (size_t steps = 0; was_running; ++steps, ++cases) {
      Bench bench({}, kSmall);
      std::vector<std::shared_ptr<Recorder>> recorders;
      RequestId id = 0;
      for (size_t i = 0; i < requests.size(); ++i) {
        const auto [submitted, recorder] = bench.submit(requests[i]);
        if (i == victim) id = submitted;
        recorders.push_back(recorder);
      }
      for (size_t i = 0; i < steps; ++i) bench.engine->step();
      was_running = !recorders[victim]->is_finished;
      bench.engine->cancel(id);
      bench.engine->cancel(id + 1000);  // unknown: ignored
      bench.engine->step();
      EXPECT_TRUE(recorders[victim]->is_finished);
      if (was_running) EXPECT_EQ(recorders[victim]->finish.reason, FinishReason::kCancelled);
      bench.run();
      for (size_t i = 0; i < requests.size(); ++i)
        if (i != victim) expect_same(*recorders[i], *run_alone({}, requests[i], 32), "beside a cancelled one");
    }
  }
  testing::count_cases("engine properties", cases);
}

TEST(Engine, ASinkMayCancel) {
  Bench bench({}, kSmall);
  const auto [id, recorder] = bench.submit(request_of({1, 2}, 0));
  recorder->after_token = [&, victim = id] { bench.engine->cancel(victim); };
  bench.run();
  EXPECT_EQ(recorder->finish.reason, FinishReason::kCancelled);
  EXPECT_EQ(recorder->tokens.size(), 1u);
}

// Sinks that cancel themselves and others, from every kind of event: everyone ends once, and who is not cancelled ends well.
TEST(Engine, SinksMayCancelAnyoneFromAnyEvent) {
  constexpr uint64_t kRounds = 60;
  for (uint64_t seed = 0; seed < kRounds; ++seed) {
    Random random(seed);
    Bench bench({.is_recurrent = seed % 2 == 0}, kSmall);
    std::vector<Request> requests;
    std::vector<std::shared_ptr<Recorder>> recorders;
    std::vector<RequestId> ids;
    std::vector<bool> cancelled(12);
    const auto cancel_somebody = [&] {
      if (random.below(6) != 0) return;
      const size_t victim = random.below(ids.size());
      cancelled[victim] = true;
      bench.engine->cancel(ids[victim]);
    };
    while (ids.size() < 12) {
      requests.push_back(random_request(random, 97, 20));
      const auto several = bench.submit_several(requests.back(), 1 + random.below(2));
      for (uint32_t i = 0; i < several.size() && ids.size() < 12; ++i) {
        if (i > 0) requests.push_back(requests.back());
        requests.back().sampling.seed = i == 0 ? requests.back().sampling.seed : continuation_seed(requests.back().sampling.seed, i);
        ids.push_back(several[i]->id);
        recorders.push_back(several[i]);
        for (auto* hook : {&several[i]->after_progress, &several[i]->after_token, &several[i]->after_finish}) *hook = cancel_somebody;
      }
    }
    bench.run();
    for (size_t i = 0; i < ids.size(); ++i) {
      ASSERT_TRUE(recorders[i]->is_finished);
      if (cancelled[i]) continue;
      EXPECT_NE(recorders[i]->finish.reason, FinishReason::kCancelled);
      expect_same(*recorders[i], *run_alone({.is_recurrent = seed % 2 == 0}, requests[i], 32), "beside cancelled ones");
    }
  }
  testing::count_cases("engine properties", kRounds);
}

TEST(Engine, WindowedLayersGiveTheirOldPagesBack) {
  EngineOptions options = kSmall;
  options.context = 200;
  Bench bench({.windows = {0, 8}}, options);
  const auto recorder = bench.submit(request_of({1, 2, 3}, 150)).second;
  for (uint32_t tokens = 3; !recorder->is_finished; ++tokens) {
    bench.engine->step();
    const uint32_t unbounded = (tokens + 3) / 4;
    if (!recorder->is_finished) EXPECT_LE(bench.engine->load().used_pages, unbounded + 4) << tokens;
  }
  bench.run();
}

TEST(Engine, TakesRequestsFromManyThreads) {
  Bench bench({}, {.context = 32, .page_tokens = 4, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32, .max_sequences = 4});
  constexpr int kThreads = 4, kEach = 25;
  std::atomic<int> left = kThreads;
  std::mutex mutex;
  std::vector<std::pair<Request, std::shared_ptr<Recorder>>> kept, cancelled;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      Random random(static_cast<uint64_t>(t));
      for (int i = 0; i < kEach; ++i) {
        const Request request = random_request(random, 97, 20);
        auto recorder = std::make_shared<Recorder>();
        const auto id = bench.engine->submit(request, recorder);
        if (i % 5 == 0) bench.engine->cancel(*id);
        const std::lock_guard lock(mutex);
        (i % 5 == 0 ? cancelled : kept).emplace_back(request, recorder);
      }
      --left;
    });
  while (left > 0) bench.engine->step();
  for (std::thread& thread : threads) thread.join();
  bench.run();
  for (const auto& [request, recorder] : kept) expect_same(*recorder, *run_alone({}, request, 32), "threads");
  for (const auto& [request, recorder] : cancelled) EXPECT_TRUE(recorder->is_finished);
  EXPECT_EQ(kept.size() + cancelled.size(), size_t{kThreads * kEach});
}

TEST(Engine, DecodingGoesOnWhileAPromptIsComputed) {
  Bench bench({}, {.context = 64, .page_tokens = 4, .kv_memory_bytes = 1 << 20, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32,
                   .prefill_chunk = 4, .max_sequences = 2});
  const auto first = bench.submit(request_of({1, 2}, 30)).second;
  bench.engine->step();
  const auto second = bench.submit(request_of(std::vector<int32_t>(40, 3), 3)).second;
  for (size_t step = 1; step <= 10; ++step) {
    EXPECT_EQ(first->tokens.size(), step);
    EXPECT_EQ(second->progress, 4 * (step - 1));
    bench.engine->step();
  }
}

TEST(MakeEngine, ReservesWhatItSays) {
  Bench bench({.windows = {0, 8}}, kSmall);
  EXPECT_EQ(bench.engine->context(), 32u);
  // 8 pages in each group. Two layers each, with one head in the first group and two in the second; 4 tokens of 3 + 1 floats.
  EXPECT_EQ(bench.engine->load().pages, 16u);
  EXPECT_EQ(bench.engine->kv_bytes(), 8u * 2 * (64 + 128));
  EXPECT_EQ(bench.engine->summary(), "context 32, KV f32/f32 0.0 MiB in 8 pages of 4 tokens + 8 pages of 4 tokens (window 8)");
  Bench hybrid({.windows = {0}, .is_recurrent = true}, kSmall);
  EXPECT_NE(hybrid.engine->summary().find("2 recurrent slots and 12 snapshots"), std::string::npos) << hybrid.engine->summary();
}

TEST(PlanMemory, IsWhatMakeEngineReserves) {
  MemoryBackend backend;
  for (const uint32_t context : {2u, 64u, 1000u})
    for (const uint32_t sequences : {1u, 5u}) {
      FakeModel model({});
      const EngineOptions options{.context = context, .max_sequences = sequences};
      const auto engine = make_engine(model, backend, options);
      const auto memory = plan_memory(model.state_shape(), options, model.plan().context);
      ASSERT_TRUE(engine && memory);
      EXPECT_EQ(memory->bytes, (*engine)->kv_bytes());
      EXPECT_EQ(memory->context, (*engine)->context());
    }
}

TEST(MakeEngine, RefusesWhatDoesNotFit) {
  MemoryBackend backend;
  FakeModel model({});
  EngineOptions options = kSmall;
  options.kv_memory_bytes = 700;
  auto engine = make_engine(model, backend, options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kDoesNotFit);
  options.context = 0;  // as much as fits: 700 bytes are 3 pages
  engine = make_engine(model, backend, options);
  ASSERT_TRUE(engine) << engine.error().text();
  EXPECT_EQ((*engine)->context(), 12u);
  options.context = 1 << 30;
  options.kv_memory_bytes = 0;
  options.page_tokens = 1024;
  FakeModel wide({.windows = std::vector<uint32_t>(64, 0)});
  EXPECT_EQ(make_engine(wide, backend, options).error().code, ErrorCode::kDoesNotFit);
  for (uint32_t EngineOptions::*field : {&EngineOptions::page_tokens, &EngineOptions::prefill_chunk, &EngineOptions::max_sequences}) {
    options = kSmall;
    options.*field = 0;
    EXPECT_EQ(make_engine(model, backend, options).error().code, ErrorCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace hearth::engine
