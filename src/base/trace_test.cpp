#include "base/trace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/json.h"
#include "base/test_folder.h"
#include "base/thread_pool.h"

namespace hearth {

namespace {

// Some microseconds that no compiler leaves out.
void work(size_t amount) {
  std::atomic<size_t> count{0};
  while (count.fetch_add(1) < amount) {}
}

// A parallel call in which every thread has work: none leaves its first chunk before all have begun one.
void share_work(ThreadPool& pool) {
  std::atomic<unsigned> begun{0};
  std::vector<uint8_t> has_begun(pool.threads());
  pool.parallel(40, [&](size_t, unsigned worker) {
    if (!std::exchange(has_begun[worker], uint8_t{1})) ++begun;
    while (begun.load() < pool.threads()) std::this_thread::yield();
    work(500);
  });
}

// One step: two products of 40 chunks, and work of thread 0 between them.
void run_step(Trace* trace, ThreadPool& pool, uint32_t prompt_rows, uint32_t generated_rows) {
  const uint32_t rows = prompt_rows + generated_rows;
  Trace::Step step(trace);
  step.has(prompt_rows, generated_rows);
  const Trace::Span layer(trace, {.name = "layer", .number = 3});
  for (const uint32_t outputs : {64u, 32u}) {
    const Trace::Operation operation(trace, {.name = "matmul", .format = "q8_0", .outputs = outputs, .inputs = 16, .rows = rows});
    share_work(pool);
  }
  const Trace::Operation operation(trace, {.name = "add", .rows = rows});
  work(5000);
}

Json written(const Trace& trace) {
  const testing::TestFolder folder;
  EXPECT_TRUE(trace.write(folder.path("trace.json")));
  const auto text = read_text_file(folder.path("trace.json"));
  auto parsed = Json::parse(text.value());
  EXPECT_TRUE(parsed) << parsed.error().text();
  return parsed ? *parsed : Json::array();
}

std::vector<std::string> names_of(const Json& events, int64_t thread) {
  std::vector<std::string> names;
  for (const Json& event : events.as_array())
    if (event.integer("tid").value() == thread) names.push_back(event.text("name").value());
  return names;
}

}  // namespace

TEST(Trace, SumsOperationsJoinsAndWaitingPerKindOfStep) {
  for (const unsigned threads : {1u, 3u}) {
    Trace trace;
    ThreadPool pool(threads, &trace);
    share_work(pool);  // outside of steps
    for (int i = 0; i < 5; ++i) run_step(&trace, pool, 0, 2);
    run_step(&trace, pool, 6, 1);
    const auto profiles = trace.profile();
    ASSERT_EQ(profiles.size(), 2u);
    EXPECT_EQ(profiles[0].kind, "prompt");
    EXPECT_EQ(profiles[0].steps, 1u);
    EXPECT_EQ(profiles[0].rows, 7u);
    const StepProfile& decode = profiles[1];
    EXPECT_EQ(decode.kind, "decode");
    EXPECT_EQ(decode.steps, 5u);
    EXPECT_EQ(decode.rows, 10u);
    EXPECT_EQ(decode.joins, threads == 1 ? 0u : 10u);  // alone, there is nobody to wait for
    ASSERT_EQ(decode.operations.size(), 3u);
    double sum = 0, adding = 0;  // adding: only thread 0 works
    for (const auto& operation : decode.operations) {
      if (operation.name == "add") adding = operation.seconds;
      EXPECT_EQ(operation.calls, 5u) << operation.name;
      EXPECT_GT(operation.seconds, 0) << operation.name;
      sum += operation.seconds;
    }
    EXPECT_LE(sum, decode.seconds);
    EXPECT_LE(decode.parallel_seconds, sum);
    ASSERT_EQ(decode.waiting.size(), threads);
    for (const double waiting : decode.waiting) EXPECT_LT(waiting, decode.seconds);
    for (unsigned t = 1; t < threads; ++t) EXPECT_GE(decode.waiting[t], adding);
    EXPECT_NEAR(decode.waiting_share(),
                std::accumulate(decode.waiting.begin(), decode.waiting.end(), 0.0) / (threads * decode.seconds), 1e-12);
  }
}

TEST(Trace, EventsNestOnEachThread) {
  Trace trace;
  ThreadPool pool(3, &trace);
  run_step(&trace, pool, 0, 1);
  const Json events = written(trace);
  const auto steps_thread = names_of(events, 0);
  EXPECT_EQ(steps_thread, (std::vector<std::string>{"thread_name", "wait for threads", "matmul q8_0 64x16", "wait for threads",
                                                    "matmul q8_0 32x16", "add", "layer 3", "decode step"}));
  for (const int thread : {1, 2})
    EXPECT_EQ(names_of(events, thread), (std::vector<std::string>{"thread_name", "matmul q8_0 64x16", "matmul q8_0 32x16"}));
  double step_begin = 0, step_end = 0;
  for (const Json& event : events.as_array())
    if (event.text("name").value() == "decode step") {
      step_begin = event.number("ts").value();
      step_end = step_begin + event.number("dur").value();
      EXPECT_EQ(event.find("args")->integer("rows").value(), 1);
    }
  for (const Json& event : events.as_array()) {
    if (event.text("ph").value() != "X") continue;
    EXPECT_GE(event.number("ts").value(), step_begin - 0.01);
    EXPECT_LE(event.number("ts").value() + event.number("dur").value(), step_end + 0.01);
  }
}

TEST(Trace, RingsKeepTheNewestSpans) {
  Trace trace(4);
  for (int i = 0; i < 10; ++i) const Trace::Span span(&trace, {.name = "span", .number = i});
  EXPECT_EQ(trace.dropped(), 6u);
  auto names = names_of(written(trace), 0);
  std::ranges::sort(names);
  EXPECT_EQ(names, (std::vector<std::string>{"span 6", "span 7", "span 8", "span 9", "thread_name"}));
}

TEST(Trace, WithoutARecorderNothingIsRecorded) {
  ThreadPool pool(2);
  run_step(nullptr, pool, 0, 1);
}

}  // namespace hearth
