// Prefixes outlive the engine: the same answers from disk as from memory or from nothing, whatever happened to the files.
#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/test_folder.h"
#include "engine/test/bench.h"
#include "runner/shared_data.h"

namespace hearth::engine {
namespace {

namespace fs = std::filesystem;

const std::vector<FakeOptions> kModels = {{}, {.windows = {0, 8}}, {.windows = {5}}, {.is_recurrent = true}, {.windows = {}, .is_recurrent = true}};

EngineOptions options_for(const testing::TestFolder& folder) {
  EngineOptions options{.context = 128, .page_tokens = 4, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32, .prefill_chunk = 16,
                        .max_sequences = 3};
  options.kv_memory_bytes = 1 << 20;
  options.disk_cache = {.folder = folder.path(), .model = "fake"};
  return options;
}

Request request_of(size_t prompt_tokens, int32_t first = 1) {
  Request request{.prompt = std::vector<int32_t>(prompt_tokens), .max_tokens = 6, .sampling = {}, .stop_tokens = {}};
  for (size_t i = 0; i < prompt_tokens; ++i) request.prompt[i] = static_cast<int32_t>((static_cast<size_t>(first) * 13 + i * 7) % 97);
  return request;
}

// The figures of the request in a fresh engine over the folder; its answer is checked.
Finish ask(const FakeOptions& fake, const EngineOptions& options, const Request& request) {
  Bench bench(fake, options);
  const auto recorder = bench.submit(request).second;
  bench.run();
  expect_same(*recorder, *run_alone(fake, request, 128), "from disk");
  return recorder->finish;
}

TEST(Disk, ANewEngineFindsWhatTheLastOneComputed) {
  for (size_t m = 0; m < kModels.size(); ++m) {
    const testing::TestFolder folder;
    const EngineOptions options = options_for(folder);
    EXPECT_EQ(ask(kModels[m], options, request_of(50)).cached_tokens, 0u);
    const Finish again = ask(kModels[m], options, request_of(50));
    EXPECT_EQ(again.cached_tokens, 48u) << m;
    EXPECT_EQ(again.disk_tokens, 48u) << m;
    Request longer = request_of(90);
    EXPECT_EQ(ask(kModels[m], options, longer).disk_tokens, 48u) << m;
    longer.prompt[20] = 96;
    const Finish changed = ask(kModels[m], options, longer);
    EXPECT_EQ(changed.disk_tokens, kModels[m].is_recurrent ? 0u : 20u) << m;
    EngineOptions other = options;
    other.disk_cache.model = "another model";
    EXPECT_EQ(ask(kModels[m], other, request_of(50)).cached_tokens, 0u) << m;
  }
}

// A prefix larger than what may be brought to memory at once comes whole, part by part.
TEST(Disk, ALongPrefixComesInParts) {
  for (size_t m = 0; m < kModels.size(); ++m) {
    const testing::TestFolder folder;
    EngineOptions options = options_for(folder);
    options.snapshot_pages = 2;
    ask(kModels[m], options, request_of(90));
    for (const uint64_t bytes : {uint64_t{1}, uint64_t{1000}, uint64_t{3000}}) {
      options.disk_cache.loaded_bytes = bytes;
      const Finish finish = ask(kModels[m], options, request_of(90));
      const bool needs_states_within = kModels[m].is_recurrent && !kModels[m].windows.empty();
      if (!needs_states_within || bytes == 3000) EXPECT_EQ(finish.disk_tokens, 88u) << m << " " << bytes;
    }
  }
}

// Of a long prefix, a small memory holds what it can; nothing is asked for without end.
TEST(Disk, ALongPrefixMeetsASmallMemory) {
  const testing::TestFolder folder;
  EngineOptions options = options_for(folder);
  ask({}, options, request_of(90));
  options.disk_cache.loaded_bytes = 600;
  options.kv_memory_bytes = 0;  // one sequence: what the prefix leaves is evicted by what it still needs
  Bench bench({}, options);
  const auto other = bench.submit(request_of(70, 5)).second;
  for (int steps = 0; steps < 4; ++steps) bench.engine->step();
  const auto recorder = bench.submit(request_of(90)).second;
  bench.run();
  expect_same(*recorder, *run_alone({}, request_of(90), 128), "in parts");
  expect_same(*other, *run_alone({}, request_of(70, 5), 128), "beside");
}

TEST(Disk, AddsToWhatMemoryKnows) {
  const testing::TestFolder folder;
  const EngineOptions options = options_for(folder);
  ask({}, options, request_of(90));
  Bench bench({}, options);
  Request begins = request_of(90);
  begins.prompt.resize(41);
  bench.submit(begins);
  bench.run();
  const auto all = bench.submit(request_of(90)).second;
  bench.run();
  EXPECT_EQ(all->finish.cached_tokens, 88u);
  EXPECT_EQ(all->finish.disk_tokens, 48u);
  EXPECT_EQ(bench.engine->stats().disk_tokens, 88u);
  expect_same(*all, *run_alone({}, request_of(90), 128), "memory and disk");
}

// More requests than may run at once, and continuations: nobody computes what the disk knows.
TEST(Disk, ABurstFindsItsPrefixes) {
  for (const FakeOptions& fake : {kModels[0], kModels[3]}) {
    const testing::TestFolder folder;
    EngineOptions options = options_for(folder);
    for (int32_t first = 0; first < 6; ++first) ask(fake, options, request_of(50, first));
    options.max_sequences = 2;
    Bench bench(fake, options);
    std::vector<std::shared_ptr<Recorder>> recorders;
    for (int32_t first = 0; first < 5; ++first) recorders.push_back(bench.submit(request_of(50, first)).second);
    const auto several = bench.submit_several(request_of(50, 5), 3);
    bench.engine->cancel(several[0]->id);
    bench.run();
    for (int32_t first = 0; first < 5; ++first) {
      EXPECT_EQ(recorders[static_cast<size_t>(first)]->finish.disk_tokens, 48u) << first;
      expect_same(*recorders[static_cast<size_t>(first)], *run_alone(fake, request_of(50, first), 128), "in a burst");
    }
    EXPECT_EQ(several[1]->finish.disk_tokens, 48u) << "it leads after the first one is cancelled";
    EXPECT_LE(bench.engine->stats().prompt_tokens, 7 * 2u);
  }
}

TEST(Disk, ContinuationsWaitForTheOneThatAsks) {
  const testing::TestFolder folder;
  const EngineOptions options = options_for(folder);
  ask({}, options, request_of(90));
  Bench bench({}, options);
  const auto recorders = bench.submit_several(request_of(90), 3);
  bench.run();
  EXPECT_EQ(bench.engine->stats().prompt_tokens, 2u);
  EXPECT_EQ(recorders[0]->finish.disk_tokens, 88u);
  EXPECT_EQ(bench.engine->stats().disk_reads, 22u) << "one asks for all";
}

// Its own beginning is not evicted for its end.
TEST(Disk, OfAPromptBeyondTheLimitTheBeginningStays) {
  for (size_t m = 0; m < kModels.size(); ++m) {
    if (kModels[m].windows.empty()) continue;  // states alone need no others
    const testing::TestFolder folder;
    EngineOptions options = options_for(folder);
    options.snapshot_pages = 4;
    ask(kModels[m], options, request_of(120));
    uint64_t whole = 0;
    for (const fs::path& file : folder.files()) whole += file.extension() == ".lock" ? 0 : fs::file_size(file);
    fs::remove_all(folder.path());
    options.disk_cache.max_bytes = whole * 3 / 4;
    ask(kModels[m], options, request_of(60, 3));
    ask(kModels[m], options, request_of(120));
    const uint32_t found = ask(kModels[m], options, request_of(120)).disk_tokens;
    EXPECT_GE(found, 60u) << m;
    EXPECT_LT(found, 100u) << m;
  }
}

TEST(Disk, APromptMakesRoomForAnotherByItsEnd) {
  const testing::TestFolder folder;
  EngineOptions options = options_for(folder);
  ask({}, options, request_of(90));  // 22 pages
  options.disk_cache.max_bytes = 30 * fs::file_size(folder.files().back());
  ask({}, options, request_of(60, 3));  // 15 more
  const uint32_t found = ask({}, options, request_of(90)).disk_tokens;
  EXPECT_GE(found, 40u);
  EXPECT_LT(found, 88u);
}

// A folder in which every file was damaged in some way: the answers do not change, and the damage is gone.
TEST(Disk, DamagedFilesAreIgnoredAndRemoved) {
  size_t cases = 0;
  for (const FakeOptions& fake : {kModels[0], kModels[3]})
    for (int how = 0; how < 4; ++how, ++cases) {
      const testing::TestFolder folder;
      const EngineOptions options = options_for(folder);
      ask(fake, options, request_of(50));
      const auto files = folder.files();
      ASSERT_FALSE(files.empty());
      for (size_t i = 0; i < files.size(); ++i) {
        std::string content = read_text_file(files[i].string()).value();
        if (how == 0) content.resize(content.size() / 2);
        if (how == 1) content[(37 * i + 60) % content.size()] ^= 4;
        if (how == 2) content.clear();
        if (how == 3) content = read_text_file(files[(i + 1) % files.size()].string()).value();
        std::ofstream(files[i], std::ios::trunc) << content;
      }
      EXPECT_EQ(ask(fake, options, request_of(50)).cached_tokens, 0u) << how;
      EXPECT_EQ(ask(fake, options, request_of(50)).cached_tokens, 48u) << "written again";
    }
  testing::count_cases("damaged prefix files", cases);
}

TEST(Disk, OneDamagedPageCostsWhatFollows) {
  const testing::TestFolder folder;
  const EngineOptions options = options_for(folder);
  ask({}, options, request_of(50));
  for (const fs::path& file : folder.files()) {
    const std::string content = read_text_file(file.string()).value();
    std::ofstream(file, std::ios::trunc) << content.substr(1);
    const Finish finish = ask({}, options, request_of(50));
    EXPECT_LT(finish.disk_tokens, 48u);
    EXPECT_EQ(finish.disk_tokens % 4, 0u);
    EXPECT_EQ(ask({}, options, request_of(50)).disk_tokens, 48u);
  }
}

TEST(Disk, EnginesShareAFolder) {
  const testing::TestFolder folder;
  EngineOptions options = options_for(folder);
  options.disk_cache.max_bytes = 20000;  // some forty pages: both evict, of each other too
  const auto work = [&](uint64_t seed) {
    Random random(seed);
    Bench bench({}, options);
    for (int i = 0; i < 30; ++i) {
      const Request request = request_of(20 + random.below(60), static_cast<int32_t>(random.below(4)));
      const auto recorder = bench.submit(request).second;
      bench.run();
      expect_same(*recorder, *run_alone({}, request, 128), fmt::format("seed {} request {}", seed, i));
    }
  };
  std::thread other([&] { work(1); });
  work(2);
  other.join();
}

TEST(Disk, AFullDiskOnlyCostsReuse) {
  const testing::TestFolder folder;
  EngineOptions options = options_for(folder);
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit none{100, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &none);
  const Finish first = ask({}, options, request_of(50)), second = ask({}, options, request_of(50));
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(first.cached_tokens + second.cached_tokens, 0u);
  EXPECT_TRUE(folder.files().empty());
  options.disk_cache.max_bytes = 10;  // nothing fits
  EXPECT_EQ(ask({}, options, request_of(50)).cached_tokens, 0u);
  EXPECT_EQ(ask({}, options, request_of(50)).cached_tokens, 0u);
  EXPECT_TRUE(folder.files().empty());
}

// Random requests through a row of engines over one folder, from hardly any memory to plenty.
TEST(Disk, GivesTheSameAnswersInAnyMemory) {
  size_t cases = 0;
  for (size_t m = 0; m < kModels.size(); ++m) {
    const testing::TestFolder folder;
    Random random(m);
    for (int round = 0; round < 6; ++round) {
      EngineOptions options = options_for(folder);
      options.context = 64;
      options.kv_memory_bytes = 0;
      options.kv_memory_bytes = Bench(kModels[m], options).engine->kv_bytes();
      options.kv_memory_bytes += random.below(2 * options.kv_memory_bytes);
      options.snapshots = static_cast<uint32_t>(1 + random.below(4));
      Bench bench(kModels[m], options);
      std::vector<Request> requests;
      std::vector<std::shared_ptr<Recorder>> recorders;
      for (int i = 0; i < 8; ++i, ++cases) {
        requests.push_back(random_request(random, 97, 50));
        recorders.push_back(bench.submit(requests.back()).second);
        for (uint64_t steps = random.below(8); steps > 0; --steps) bench.engine->step();
      }
      bench.run();
      for (size_t i = 0; i < requests.size(); ++i)
        expect_same(*recorders[i], *run_alone(kModels[m], requests[i], 64), fmt::format("model {} round {} request {}", m, round, i));
    }
  }
  testing::count_cases("engine properties", cases);
}

TEST(Disk, CancelledWhileItWaitsForTheDisk) {
  const testing::TestFolder folder;
  const EngineOptions options = options_for(folder);
  ask({}, options, request_of(90));
  Bench bench({}, options);
  const auto [id, recorder] = bench.submit(request_of(90));
  bench.engine->step();
  bench.engine->cancel(id);
  bench.engine->step();
  EXPECT_EQ(recorder->finish.reason, FinishReason::kCancelled);
  bench.run();
  EXPECT_EQ(ask({}, options, request_of(90)).disk_tokens, 88u);
}

TEST(Disk, AFolderThatCannotBeUsedIsAnError) {
  MemoryBackend backend;
  FakeModel model({});
  const testing::TestFolder folder;
  EngineOptions options = options_for(folder);
  options.disk_cache.folder = folder.write("file", "");
  const auto engine = make_engine(model, backend, options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::kCannotCreate);
}

TEST(PrefixMiss, IsToldWhenAPromptLeavesTheLastOne) {
  Bench bench({}, {.context = 128, .page_tokens = 4, .k_type = ops::KvType::kF32, .v_type = ops::KvType::kF32});
  Request request = request_of(60);
  request.key = "someone";
  const auto ask = [&] {
    const auto recorder = bench.submit(request).second;
    bench.run();
    return recorder->finish.miss;
  };
  EXPECT_FALSE(ask());
  EXPECT_FALSE(ask());
  const int32_t before = request.prompt[30];
  request.prompt[30] = 96;
  const auto miss = ask();
  ASSERT_TRUE(miss);
  EXPECT_EQ(miss->position, 30u);
  EXPECT_EQ(miss->last[miss->position - miss->first], before);
  EXPECT_EQ(miss->now[miss->position - miss->first], 96);
  request.prompt[30] = before;
  EXPECT_FALSE(ask()) << "all but its end is cached from the first time";
}

}  // namespace
}  // namespace hearth::engine
