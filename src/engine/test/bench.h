#pragma once
// What the engine tests share: an engine over the fake model, random requests, and what each of them gives alone.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/test/fake_model.h"
#include "engine/test/recorder.h"

namespace hearth::engine {

struct Bench {
  Bench(const FakeOptions& fake, const EngineOptions& options) : model(fake) {
    auto made = make_engine(model, backend, options);
    EXPECT_TRUE(made) << made.error().text();
    engine = std::move(*made);
  }

  std::pair<RequestId, std::shared_ptr<Recorder>> submit(const Request& request) {
    auto recorder = std::make_shared<Recorder>();
    const auto id = engine->submit(request, recorder);
    EXPECT_TRUE(id) << id.error().text();
    return {id.value_or(0), recorder};
  }

  // The prompt continued `count` times.
  std::vector<std::shared_ptr<Recorder>> submit_several(const Request& request, size_t count) {
    std::vector<std::shared_ptr<Recorder>> recorders;
    for (size_t i = 0; i < count; ++i) recorders.push_back(std::make_shared<Recorder>());
    const std::vector<std::shared_ptr<EventSink>> sinks(recorders.begin(), recorders.end());
    const auto ids = engine->submit_several(request, sinks);
    EXPECT_TRUE(ids) << ids.error().text();
    for (size_t i = 0; ids && i < count; ++i) recorders[i]->id = (*ids)[i];
    return recorders;
  }

  void run() {
    for (int steps = 0; engine->step(); ++steps) ASSERT_LT(steps, 100000) << "the engine does not come to an end";
    EXPECT_EQ(engine->load().used_pages, 0u) << "pages leaked";
    EXPECT_EQ(engine->load().sequences, 0u);
  }

  MemoryBackend backend;
  FakeModel model;
  std::unique_ptr<Engine> engine;
};

// The request with nothing else running, nothing cached, and the prompt in one piece.
inline std::shared_ptr<Recorder> run_alone(const FakeOptions& fake, const Request& request, uint32_t context) {
  Bench bench(fake, {.context = context, .page_tokens = 16, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32,
                     .prefill_chunk = 4096, .prefix_cache = false});
  auto recorder = bench.submit(request).second;
  bench.run();
  return recorder;
}

// Prompts begin alike often, and end anywhere.
inline Request random_request(Random& random, uint32_t vocab, uint32_t longest_prompt) {
  Request request;
  const uint64_t family = random.below(3), length = 1 + random.below(longest_prompt), shared = random.below(length + 1);
  for (uint64_t i = 0; i < length; ++i)
    request.prompt.push_back(static_cast<int32_t>(i < shared ? (family * 31 + i * 7) % vocab : random.below(vocab)));
  request.max_tokens = static_cast<uint32_t>(random.below(24));  // 0: until the context is full
  for (uint64_t i = random.below(3); i > 0; --i) request.stop_tokens.push_back(static_cast<int32_t>(random.below(vocab)));
  request.top_logprobs = static_cast<uint32_t>(random.below(4));
  request.sampling.seed = random.next();
  request.sampling.temperature = random.below(3) == 0 ? 0 : 0.5 + random.uniform();
  if (random.below(2) == 0) request.sampling.top_k = static_cast<uint32_t>(random.below(20));
  if (random.below(2) == 0) request.sampling.repeat_penalty = 1.2;
  if (random.below(4) == 0) request.sampling.mirostat = true;
  if (random.below(4) == 0) request.sampling.dry_multiplier = 0.8;
  return request;
}

inline void expect_same(const Recorder& got, const Recorder& alone, const std::string& what) {
  ASSERT_TRUE(got.is_finished) << what;
  EXPECT_EQ(got.tokens, alone.tokens) << what;
  EXPECT_EQ(got.logprobs, alone.logprobs) << what;
  EXPECT_EQ(got.finish.reason, alone.finish.reason) << what;
  EXPECT_EQ(got.prompt_logits, alone.prompt_logits) << what;
}

}  // namespace hearth::engine
