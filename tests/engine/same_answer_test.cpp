// The promise, kept by real arithmetic: a request gives the same tokens and the same bits of logits alone, among 31 others,
// in chunks, cached in memory or on disk, swapped out or computed again.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/random.h"
#include "base/test_folder.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "engine/test/recorder.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/reference/reference_backend.h"
#include "runner/shared_data.h"

namespace hearth::engine {
namespace {

constexpr uint32_t kContext = 96, kRequests = 32;

// A third of the prompts begin alike; lengths lie around page boundaries too.
std::vector<Request> requests_for(uint32_t vocab) {
  std::vector<Request> requests(kRequests);
  Random random(vocab);
  for (uint32_t r = 0; r < kRequests; ++r) {
    Request& request = requests[r];
    const uint64_t length = r % 4 == 0 ? 16 * (1 + random.below(4)) : 1 + random.below(64), shared = r % 3 == 0 ? length : random.below(length);
    for (uint64_t i = 0; i < length; ++i) request.prompt.push_back(static_cast<int32_t>(i < shared ? (i * 31 + 7) % vocab : random.below(vocab)));
    request.max_tokens = static_cast<uint32_t>(4 + random.below(20));
    request.top_logprobs = 6;
    request.sampling.seed = r;
    request.sampling.temperature = r % 5 == 0 ? 0 : 0.9;
    request.key = std::string(1, static_cast<char>('a' + r % 3));
    request.priority = static_cast<int32_t>(r % 2);
  }
  return requests;
}


class Answers {
 public:
  Answers(model::Model& model, ops::Backend& backend) : model_(model), backend_(backend), requests_(requests_for(model.plan().vocab)) {
    for (const Request& request : requests_) {
      auto engine = make({.context = kContext, .prefill_chunk = 4096, .prefix_cache = false});
      alone_.push_back(submit(*engine, request));
      while (engine->step()) {
      }
    }
  }

  std::unique_ptr<Engine> make(EngineOptions options) {
    options.context = kContext;
    auto engine = make_engine(model_, backend_, options);
    EXPECT_TRUE(engine) << engine.error().text();
    return std::move(*engine);
  }

  // All requests together; returns how many prompt tokens were cached.
  uint64_t compare(Engine& engine, const std::string& what) {
    std::vector<std::shared_ptr<Recorder>> recorders;
    for (const Request& request : requests_) recorders.push_back(submit(engine, request));
    while (engine.step()) {
    }
    EXPECT_EQ(engine.load().used_pages, 0u) << what;
    uint64_t cached = 0;
    for (size_t i = 0; i < recorders.size(); ++i) {
      expect_same(*recorders[i], *alone_[i], what + " request " + std::to_string(i));
      cached += recorders[i]->finish.cached_tokens;
    }
    return cached;
  }

  void compare_continuations(Engine& engine) {
    for (size_t i = 0; i < requests_.size(); i += 8) {
      std::vector<std::shared_ptr<EventSink>> sinks;
      std::vector<std::shared_ptr<Recorder>> recorders;
      for (int n = 0; n < 3; ++n) sinks.push_back(recorders.emplace_back(std::make_shared<Recorder>()));
      ASSERT_TRUE(engine.submit_several(requests_[i], sinks));
      Request second = requests_[i];
      second.sampling.seed = continuation_seed(second.sampling.seed, 1);
      while (engine.step()) {
      }
      const auto second_alone = submit(engine, second);
      while (engine.step()) {
      }
      expect_same(*recorders[0], *alone_[i], "first continuation");
      expect_same(*recorders[1], *second_alone, "second continuation");
    }
  }

 private:
  static std::shared_ptr<Recorder> submit(Engine& engine, const Request& request) {
    auto recorder = std::make_shared<Recorder>();
    const auto id = engine.submit(request, recorder);
    EXPECT_TRUE(id) << id.error().text();
    return recorder;
  }
  static void expect_same(const Recorder& got, const Recorder& alone, const std::string& what) {
    ASSERT_TRUE(got.is_finished) << what;
    EXPECT_EQ(got.tokens, alone.tokens) << what;
    EXPECT_EQ(got.logprobs, alone.logprobs) << what;
    ASSERT_EQ(got.tops.size(), alone.tops.size()) << what;
    for (size_t i = 0; i < got.tops.size(); ++i) {
      ASSERT_EQ(got.tops[i].size(), alone.tops[i].size()) << what;
      for (size_t k = 0; k < got.tops[i].size(); ++k) {
        EXPECT_EQ(got.tops[i][k].token, alone.tops[i][k].token) << what;
        EXPECT_EQ(got.tops[i][k].logprob, alone.tops[i][k].logprob) << what;
      }
    }
  }

  model::Model& model_;
  ops::Backend& backend_;
  const std::vector<Request> requests_;
  std::vector<std::shared_ptr<Recorder>> alone_;
};

void check(const std::string& path, ops::Backend& backend) {
  SCOPED_TRACE(path);
  const auto files = checkpoint::open(path);
  ASSERT_TRUE(files) << files.error().text();
  const auto model = model::load(**files, backend);
  ASSERT_TRUE(model) << model.error().text();
  Answers answers(**model, backend);
  const uint64_t one = answers.make({})->kv_bytes();

  const testing::TestFolder folder;
  {
    auto crowd = answers.make({.kv_memory_bytes = 40 * one, .prefill_chunk = 24, .max_sequences = kRequests,
                               .disk_cache = {.folder = folder.path(), .model = path}});
    answers.compare(*crowd, "among 31 others");
    EXPECT_GT(answers.compare(*crowd, "cached"), 200u);
    answers.compare_continuations(*crowd);
  }
  auto restarted = answers.make({.kv_memory_bytes = 40 * one, .prefill_chunk = 16, .max_sequences = 4,
                                 .disk_cache = {.folder = folder.path(), .model = path}});
  answers.compare(*restarted, "from disk");
  EXPECT_GE(restarted->stats().disk_tokens, 48u);  // how many depends on who asks first

  const uint64_t for_one = answers.make({.max_sequences = 6})->kv_bytes();  // pages of one context, slots of six
  for (const uint64_t swap_bytes : {uint64_t{0}, 4 * one}) {
    auto narrow = answers.make({.kv_memory_bytes = for_one + one / 2, .prefill_chunk = 7, .max_sequences = 6, .swap_bytes = swap_bytes});
    answers.compare(*narrow, swap_bytes == 0 ? "computed again" : "swapped");
    // A hybrid's budget pays for snapshots too, and so for more pages than these requests fill.
    if ((*model)->state_shape().slots.empty()) EXPECT_GT(narrow->stats().preemptions, 0u);
  }
}

TEST(SameAnswer, GoldenModelsOnTheCpu) {
  const auto backend = ops::cpu::make_backend({.threads = 2, .isa = {}});
  ASSERT_TRUE(backend) << backend.error().text();
  for (const char* name : {"llama3", "gemma3", "lfm2", "mixtral", "phi3_long", "qwen3"})
    check(testing::source_path(std::string("tests/golden/models/") + name + "/model.gguf"), **backend);
}

TEST(SameAnswer, GoldenModelsOnTheReference) {
  const auto backend = ops::reference::make_backend();
  for (const char* name : {"gemma2", "lfm2_bias"})
    check(testing::source_path(std::string("tests/golden/models/") + name + "/model.gguf"), *backend);
}

TEST(SameAnswer, ATrainedModelInItsFormats) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const auto backend = ops::cpu::make_backend({.threads = 2, .isa = {}});
  ASSERT_TRUE(backend) << backend.error().text();
  for (const char* format : {"F32", "Q8_0", "Q4_0"})
    check(testing::shared_data() + "/models/stories260K/stories260K-" + format + ".gguf", **backend);
}

}  // namespace
}  // namespace hearth::engine
