#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <numeric>

#include "base/cpu_info.h"
#include "base/file.h"
#include "base/metadata.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "base/utf8.h"
#include "runner/shared_data.h"

namespace hearth {

TEST(Result, ErrorsCarryTheirPlaceOutward) {
  const auto inner = []() -> Result<int> { return fail(ErrorCode::kBadFile, "value {} is too large", 7); };
  const auto outer = [&]() -> Result<int> {
    auto value = inner();
    if (!value) return at("model.gguf", std::move(value).error());
    return *value;
  };
  EXPECT_EQ(outer().error().text(), "model.gguf: value 7 is too large");
  EXPECT_EQ(error_facts(ErrorCode::kDoesNotFit).exit_code, 3);
  EXPECT_EQ(error_facts(ErrorCode::kCancelled).name, "cancelled");
}

TEST(Utf8, DecodesStrictly) {
  EXPECT_EQ(utf8::decode("é").code_point, U'é');
  EXPECT_EQ(utf8::decode("🔥").length, 4);
  for (const char* bad : {"\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE2\x82"}) EXPECT_FALSE(utf8::is_valid(bad)) << bad;
  EXPECT_EQ(utf8::sanitize("a\xE2\x82z"), "a\uFFFDz");
  EXPECT_EQ(utf8::plain("a\x1B[2Jé\n\x7F\xC2\x9Bz\xFF"), "a\uFFFD[2Jé\uFFFD\uFFFD\uFFFDz\uFFFD");
  EXPECT_EQ(utf8::count("aé🔥"), 3u);
}

TEST(Utf8, HoldsBackOnlyIncompleteCharacters) {
  EXPECT_EQ(utf8::incomplete_tail("abc"), 0u);
  EXPECT_EQ(utf8::incomplete_tail("a\xF0\x9F\x94"), 3u);
  EXPECT_EQ(utf8::incomplete_tail("a\xC3"), 1u);
  EXPECT_EQ(utf8::incomplete_tail("é"), 0u);
  EXPECT_EQ(utf8::incomplete_tail("\x80\x80"), 0u);
  EXPECT_EQ(utf8::incomplete_tail("\xED\xA0"), 0u);  // a surrogate can never become valid
}

TEST(File, NamesWhatIsMissing) {
  EXPECT_EQ(map_file("/no/such/file").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(map_file("/").error().code, ErrorCode::kBadFile);
  const auto source = memory_source("m", std::vector<std::byte>(8));
  std::byte out[4];
  EXPECT_TRUE(source->read(4, out));
  EXPECT_EQ(source->read(5, out).error().code, ErrorCode::kBadFile);
  EXPECT_EQ(source->read(~uint64_t{0}, out).error().code, ErrorCode::kBadFile);
}

TEST(Metadata, ConvertsOnlyWhereNothingIsLost) {
  Metadata meta;
  meta.set("a", uint64_t{7});
  meta.set("b", 2.5);
  meta.set("c", std::string("x"));
  EXPECT_EQ(meta.integer("a").value(), 7);
  EXPECT_EQ(meta.number("a").value(), 7.0);
  EXPECT_EQ(meta.integer("b").error().message, "metadata key 'b' is a number; it must be an integer");
  EXPECT_EQ(meta.integer_or("missing", 3), 3);
  EXPECT_FALSE(meta.boolean("c"));
}

// More threads than processors, calls too short for all to join: what is counted is what was asked for.
TEST(ThreadPool, ManyShortCalls) {
  ThreadPool pool(5);
  std::vector<uint32_t> counts(7);
  for (uint32_t call = 0; call < 20000; ++call) {
    const size_t chunks = call % 8;
    pool.parallel(chunks, [&](size_t c, unsigned worker) {
      ASSERT_LT(worker, 5u);
      ++counts[c];  // no atomic: a chunk has one worker, and calls follow each other
    });
    if (call % 1000 == 0) ::usleep(300);  // long enough for workers to park
  }
  for (size_t c = 0; c < counts.size(); ++c) EXPECT_EQ(counts[c], 2500u * (7 - c)) << c;
}

TEST(ThreadPool, EveryChunkOnce) {
  for (const unsigned threads : {1u, 2u, 3u, 8u}) {
    ThreadPool pool(threads);
    for (const size_t chunks : {0u, 1u, 2u, 7u, 1000u}) {
      std::vector<std::atomic<int>> seen(chunks);
      for (int round = 0; round < 50; ++round) pool.parallel(chunks, [&](size_t c, unsigned worker) {
        EXPECT_LT(worker, threads);
        ++seen[c];
      });
      for (const auto& count : seen) EXPECT_EQ(count, 50);
    }
  }
}

TEST(Random, IsReproducibleAndUniform) {
  Random a(1), b(1), c(2);
  EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(a.next(), c.next());
  double sum = 0;
  for (int i = 0; i < 100000; ++i) sum += a.uniform();
  EXPECT_NEAR(sum / 100000, 0.5, 0.005);
}

TEST(CpuInfo, GrantsAtLeastOneProcessor) {
  EXPECT_GE(granted_cpus(), 1u);
  EXPECT_GT(total_memory_bytes(), uint64_t{1} << 28);
  EXPECT_GT(resident_memory_bytes(), 0u);
}

}  // namespace hearth
