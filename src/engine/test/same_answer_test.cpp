// The promise: a request gives the same tokens, to the bit, whatever runs beside it, however its prompt is cut, wherever its
// pages lie, and whether they were computed before.
#include <fmt/format.h>

#include "engine/test/bench.h"
#include "runner/shared_data.h"

namespace hearth::engine {
namespace {

constexpr uint32_t kContext = 64;

const std::vector<FakeOptions> kModels = {
    {},                                         // attention without window
    {.windows = {0, 8}},                        // Gemma-like: two groups
    {.windows = {5}},                           // nothing but a window shorter than most pages
    {.windows = {0}, .is_recurrent = true},     // hybrid
    {.windows = {}, .is_recurrent = true},      // recurrent only: no pages at all
};

EngineOptions random_options(Random& random) {
  const uint32_t pages[] = {1, 4, 16}, chunks[] = {1, 2, 5, 16, 64};
  return {.context = kContext,
          .page_tokens = pages[random.below(3)],
          .k_type = ops::KvType::kF32,
          .v_type = ops::KvType::kF32,
          .prefill_chunk = chunks[random.below(5)],
          .max_sequences = static_cast<uint32_t>(1 + random.below(8)),
          .prefix_cache = random.below(3) != 0,
          .snapshots = static_cast<uint32_t>(random.below(4)),
          .snapshot_pages = static_cast<uint32_t>(random.below(4)),
          .swap_bytes = random.below(2) * random.below(40000),
          .policy = static_cast<Policy>(random.below(3))};
}

struct Asked {
  Request request;
  std::shared_ptr<Recorder> recorder;
};

// A request of somebody, sometimes continued several times.
void ask(Bench& bench, Random& random, uint32_t vocab, std::vector<Asked>& asked) {
  Request request = random_request(random, vocab, 50);
  request.key = std::string(1, static_cast<char>('a' + random.below(3)));
  request.priority = static_cast<int32_t>(random.below(3));
  if (random.below(8) == 0) request.want_prompt_logits = true;
  const auto recorders = bench.submit_several(request, random.below(3) == 0 ? 2 + random.below(3) : 1);
  for (uint32_t i = 0; i < recorders.size(); ++i) {
    asked.push_back({request, recorders[i]});
    asked.back().request.sampling.seed = continuation_seed(request.sampling.seed, i);
    if (i > 0) asked.back().request.want_prompt_logits = false;
  }
}

void run_mix(const FakeOptions& fake, EngineOptions options, Random& random, const std::string& what) {
  if (random.below(2) == 0) {  // from one context up to three
    Bench one(fake, options);
    options.kv_memory_bytes = one.engine->kv_bytes() + random.below(2 * one.engine->kv_bytes() + 1);
  }
  Bench bench(fake, options);
  std::vector<Asked> asked;
  for (uint64_t n = 1 + random.below(12); n > 0; --n) {
    ask(bench, random, fake.vocab, asked);
    for (uint64_t steps = random.below(6); steps > 0; --steps) bench.engine->step();
  }
  bench.run();
  for (size_t i = 0; i < asked.size(); ++i) {
    const auto& [request, recorder] = asked[i];
    expect_same(*recorder, *run_alone(fake, request, kContext), fmt::format("{} request {}", what, i));
    EXPECT_EQ(recorder->progress, request.prompt.size());
    if (request.want_prompt_logits) EXPECT_EQ(recorder->finish.cached_tokens, 0u);
  }
  EXPECT_LE(bench.model.most_rows, options.prefill_chunk + options.max_sequences);
}

TEST(Engine, GivesTheSameTokensInAnyCompany) {
  constexpr uint64_t kMixes = 60;
  for (size_t m = 0; m < kModels.size(); ++m)
    for (uint64_t seed = 0; seed < kMixes; ++seed) {
      Random random(seed * 100 + m);
      const EngineOptions options = random_options(random);
      run_mix(kModels[m], options, random, fmt::format("model {} seed {}", m, seed));
      if (HasFailure()) return;
    }
  testing::count_cases("engine properties", kMixes * kModels.size());
}

// From just enough pages for one sequence to enough for all.
TEST(Engine, SurvivesEveryNumberOfPages) {
  size_t cases = 0;
  for (const FakeOptions& fake : {kModels[0], kModels[1], kModels[2]}) {
    EngineOptions options{.context = 32, .page_tokens = 4, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32,
                          .prefill_chunk = 8, .max_sequences = 5};
    const uint64_t least = Bench(fake, options).engine->kv_bytes();
    Random random(5);
    std::vector<Request> requests;
    std::vector<std::shared_ptr<Recorder>> alone;
    for (int i = 0; i < 6; ++i) {
      requests.push_back(random_request(random, fake.vocab, 20));
      requests.back().stop_tokens.clear();
      alone.push_back(run_alone(fake, requests.back(), 32));
    }
    for (uint64_t bytes = least; bytes <= 5 * least; bytes += least / 16, ++cases) {
      options.kv_memory_bytes = bytes;
      Bench bench(fake, options);
      std::vector<std::shared_ptr<Recorder>> recorders;
      for (const Request& request : requests) recorders.push_back(bench.submit_several(request, 3)[0]);
      bench.run();
      for (size_t i = 0; i < requests.size(); ++i) expect_same(*recorders[i], *alone[i], fmt::format("{} bytes, request {}", bytes, i));
      if (HasFailure()) return;
    }
  }
  testing::count_cases("engine properties", cases);
}

TEST(Engine, CountsWhatItFoundInTheCache) {
  const EngineOptions options{.context = 128, .page_tokens = 16, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32, .prefill_chunk = 64};
  for (const FakeOptions& fake : kModels) {
    Bench bench(fake, options);
    Request request{.prompt = std::vector<int32_t>(64), .max_tokens = 4, .sampling = {}, .stop_tokens = {}};
    for (int i = 0; i < 64; ++i) request.prompt[static_cast<size_t>(i)] = i;
    const auto ask = [&] {
      const auto recorder = bench.submit(request).second;
      bench.run();
      expect_same(*recorder, *run_alone(fake, request, 128), "cached");
      return recorder->finish.cached_tokens;
    };
    EXPECT_EQ(ask(), 0u);
    EXPECT_EQ(ask(), 48u);  // the fourth page would leave no token to compute
    request.prompt.push_back(7);
    EXPECT_EQ(ask(), 64u);
    request.prompt[50] = 90;
    EXPECT_EQ(ask(), 48u);
    request.prompt[0] = 90;
    EXPECT_EQ(ask(), 0u);
    if (!fake.windows.empty()) EXPECT_GT(bench.engine->load().kept_pages, 0u);
  }
}

// A conversation goes on: what was generated becomes prompt, and must then be computed as prompt.
TEST(Engine, NeverReusesGeneratedTokensAsPrompt) {
  Bench bench(kModels[0], {.context = 128, .page_tokens = 4, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32});
  Request request{.prompt = {1, 2, 3, 4, 5, 6}, .max_tokens = 20, .sampling = {}, .stop_tokens = {}};
  for (int turn = 0; turn < 4; ++turn) {
    const auto recorder = bench.submit(request).second;
    bench.run();
    expect_same(*recorder, *run_alone(kModels[0], request, 128), fmt::format("turn {}", turn));
    request.prompt.insert(request.prompt.end(), recorder->tokens.begin(), recorder->tokens.end());
    request.prompt.push_back(turn);
  }
}

TEST(Engine, TheSeedDecides) {
  Request request{.prompt = {1, 2, 3}, .max_tokens = 30, .sampling = {}, .stop_tokens = {}};
  const auto first = run_alone({}, request, 64), again = run_alone({}, request, 64);
  EXPECT_EQ(first->tokens, again->tokens);
  request.sampling.seed = 2;
  EXPECT_NE(run_alone({}, request, 64)->tokens, first->tokens);
}

}  // namespace
}  // namespace hearth::engine
