// The books of the cache, and the memory behind them.
#include "engine/cache/cache.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "engine/cache/cache_plan.h"
#include "engine/cache/recurrent_pool.h"
#include "engine/test/fake_model.h"

namespace hearth::engine {
namespace {

std::vector<int32_t> counting(size_t tokens) {
  std::vector<int32_t> prompt(tokens);
  std::iota(prompt.begin(), prompt.end(), 1);
  return prompt;
}

// Computes and publishes a prompt, then releases it.
void compute(Cache& cache, std::span<const int32_t> prompt) {
  SequencePages owned;
  cache.match(prompt, owned);
  cache.grow(owned, 0, static_cast<uint32_t>(prompt.size()));
  cache.publish(owned, prompt);
  cache.release(owned);
}

uint32_t found(Cache& cache, std::span<const int32_t> prompt) {
  SequencePages owned;
  const uint32_t tokens = cache.match(prompt, owned).tokens;
  cache.release(owned);
  return tokens;
}

TEST(Cache, FindsWholePagesShortOfTheLastToken) {
  Cache cache({.groups = {{.window = 0, .pages = 10, .most_per_sequence = 10}}, .page_tokens = 4});
  const auto prompt = counting(13);
  compute(cache, prompt);
  for (size_t tokens = 1; tokens <= prompt.size(); ++tokens)
    EXPECT_EQ(found(cache, std::span(prompt).first(tokens)), (tokens - 1) / 4 * 4) << tokens;
  EXPECT_EQ(cache.used_pages(), 0u);
  EXPECT_EQ(cache.kept_pages(), 3u);  // the fourth page is not whole
}

TEST(Cache, EvictsTheEndOfAPromptFirst) {
  Cache cache({.groups = {{.window = 0, .pages = 5, .most_per_sequence = 5}}, .page_tokens = 4});
  const auto prompt = counting(21);
  compute(cache, std::span(prompt).first(20));
  EXPECT_EQ(found(cache, prompt), 20u);
  for (uint32_t taken = 1; taken <= 5; ++taken) {
    SequencePages other;
    cache.match({}, other);
    cache.grow(other, 0, taken * 4);
    EXPECT_EQ(found(cache, prompt), 20 - 4 * taken);
    cache.release(other);
    compute(cache, std::span(prompt).first(20));
  }
}

TEST(Cache, NeverEvictsPagesInUse) {
  Cache cache({.groups = {{.window = 0, .pages = 6, .most_per_sequence = 6}}, .page_tokens = 4});
  const auto prompt = counting(17);
  compute(cache, prompt);
  SequencePages owned, other;
  EXPECT_EQ(cache.match(prompt, owned).tokens, 16u);
  cache.match({}, other);
  EXPECT_EQ(cache.reach(other, 0), 8u);
  EXPECT_TRUE(cache.fits(other, 8, 0));
  EXPECT_FALSE(cache.fits(other, 8, 1));
  EXPECT_FALSE(cache.fits(other, 9, 0));
  cache.grow(other, 0, 8);
  EXPECT_EQ(cache.reach(other, 0), 8u);
  const std::set<uint32_t> pages(owned.lists[0].begin(), owned.lists[0].end());
  for (const uint32_t page : other.lists[0]) EXPECT_FALSE(pages.contains(page));
  cache.release(owned);
  cache.release(other);
}

TEST(Cache, UnderAWindowOnlyTheLastPagesMatter) {
  Cache cache({.groups = {{.window = 6, .pages = 20, .most_per_sequence = 20}}, .page_tokens = 2});
  const auto prompt = counting(33);
  SequencePages owned;
  cache.match(prompt, owned);
  for (uint32_t past = 0; past < 32; past += 4) {  // four tokens a step
    cache.leave_window(owned, past);
    cache.grow(owned, 0, past + 4);
    cache.publish(owned, std::span(prompt).first(past + 4));
    EXPECT_LE(cache.used_pages(), 5u);  // tokens past - 5 ... past + 3
  }
  cache.release(owned);
  // Another prompt takes the oldest pages, those that nobody needs for going on from the end.
  SequencePages other;
  cache.match({}, other);
  cache.grow(other, 0, 2 * 17);
  EXPECT_EQ(found(cache, prompt), 32u);
  EXPECT_EQ(found(cache, std::span(prompt).first(20)), 0u);
  cache.release(other);
}

TEST(Cache, WhoComputesTheSameSecondKeepsItsPagesPrivate) {
  Cache cache({.groups = {{.window = 0, .pages = 8, .most_per_sequence = 8}}, .page_tokens = 4});
  const auto prompt = counting(9);
  SequencePages first, second;
  for (SequencePages* owned : {&first, &second}) {
    cache.match(prompt, *owned);
    cache.grow(*owned, 0, 9);
  }
  cache.publish(first, prompt);
  cache.publish(second, prompt);
  cache.release(first);
  cache.release(second);
  EXPECT_EQ(cache.kept_pages(), 2u);
  EXPECT_EQ(found(cache, prompt), 8u);
}

TEST(Cache, ForgetsWhatIsEvicted) {
  for (const uint32_t window : {0u, 6u}) {
    Cache cache({.groups = {{.window = window, .pages = 8, .most_per_sequence = 8}}, .page_tokens = 2});
    Random random(1);
    for (int i = 0; i < 200; ++i) {
      std::vector<int32_t> prompt(1 + random.below(16));
      for (int32_t& token : prompt) token = static_cast<int32_t>(random.below(2));
      compute(cache, prompt);
      EXPECT_LE(cache.remembered(), window == 0 ? 8u : 8u * 8);  // under a window, parents outlive their pages
    }
    EXPECT_GT(cache.remembered(), 0u);
    SequencePages everything;
    cache.match({}, everything);
    cache.grow(everything, 0, 16);
    EXPECT_EQ(cache.remembered(), 0u);
    cache.release(everything);
  }
}

// Forks share a partly filled page until they write to it; the last to write needs no copy.
TEST(Cache, CopiesOnWriteWhatIsShared) {
  Cache cache({.groups = {{.window = 0, .pages = 8, .most_per_sequence = 8}, {.window = 4, .pages = 8, .most_per_sequence = 8}}, .page_tokens = 4});
  SequencePages first, second, third;
  cache.grow(first, 0, 10);
  for (SequencePages* owned : {&second, &third}) cache.fork(first, *owned);
  EXPECT_EQ(cache.used_pages(), 6u);
  EXPECT_TRUE(cache.moves().empty());
  const SequencePages before = first;
  for (SequencePages* owned : {&first, &second, &third}) {
    EXPECT_EQ(cache.reach(*owned, 10), 4 * (3 + 5u - (owned == &first ? 1 : owned == &second ? 2 : 2)));
    cache.grow(*owned, 10, 11);
  }
  EXPECT_EQ(cache.used_pages(), 6u + 2 * 2);
  ASSERT_EQ(cache.moves().size(), 4u);
  for (uint32_t g = 0; g < 2; ++g) {
    EXPECT_EQ(third.lists[g], before.lists[g]) << "the last one keeps the page";
    for (const SequencePages* owned : {&first, &second}) {
      EXPECT_NE(owned->lists[g][2], before.lists[g][2]);
      EXPECT_EQ(owned->lists[g][1], before.lists[g][1]);
    }
  }
  for (const PageMove& move : cache.moves()) {
    EXPECT_EQ(move.kind, PageMove::Kind::kCopy);
    EXPECT_EQ(move.from, before.lists[move.group][2]);
  }
  for (SequencePages* owned : {&first, &second, &third}) cache.release(*owned);
  EXPECT_EQ(cache.used_pages(), 0u);
}

TEST(Cache, WithoutAPageForTheCopyAForkWaits) {
  Cache cache({.groups = {{.window = 0, .pages = 2, .most_per_sequence = 2}}, .page_tokens = 4});
  SequencePages first, second;
  cache.grow(first, 0, 6);
  cache.fork(first, second);
  EXPECT_EQ(cache.reach(first, 6), 6u);
  cache.release(second);
  EXPECT_EQ(cache.reach(first, 6), 8u);
  cache.release(first);
}

TEST(Cache, AdoptsAsMuchAsFitsAndFindsItAgain) {
  const auto prompt = counting(33);
  for (uint32_t pages = 1; pages <= 10; ++pages)
    for (const uint32_t in_memory : {0u, 1u, 3u}) {
      Cache cache({.groups = {{.window = 0, .pages = pages, .most_per_sequence = pages}}, .page_tokens = 4});
      if (in_memory > pages) continue;
      compute(cache, std::span(prompt).first(4 * in_memory));
      const Adoption adoption = cache.adopt(prompt, in_memory, 8, [](uint32_t, uint32_t) { return true; }, false);
      const uint32_t all = std::min(pages, 8u);
      EXPECT_EQ(adoption.pages.size(), all - in_memory);
      std::set<uint32_t> numbers;
      for (const Adoption::Page& page : adoption.pages) EXPECT_TRUE(numbers.insert(page.page).second);
      EXPECT_EQ(found(cache, prompt), 4 * all) << pages << " pages, " << in_memory << " in memory";
      EXPECT_EQ(cache.used_pages(), 0u);
    }
}

TEST(Cache, AdoptsOfAWindowWhatTheNextTokenSees) {
  const auto prompt = counting(81);
  Cache cache({.groups = {{.window = 0, .pages = 30, .most_per_sequence = 30}, {.window = 8, .pages = 5, .most_per_sequence = 5}}, .page_tokens = 4});
  const Adoption adoption = cache.adopt(prompt, 0, 20, [](uint32_t, uint32_t) { return true; }, false);
  for (const Adoption::Page& page : adoption.pages) EXPECT_TRUE(page.group == 0 || page.index >= 18) << page.index;
  EXPECT_EQ(adoption.pages.size(), 22u);
  EXPECT_EQ(found(cache, prompt), 80u);
  EXPECT_EQ(cache.used_pages(), 0u);
}

TEST(Cache, AdoptsLessWhereAWindowFindsNoRoom) {
  const auto prompt = counting(81);
  for (uint32_t pages = 1; pages <= 3; ++pages) {
    Cache cache({.groups = {{.window = 8, .pages = pages, .most_per_sequence = 3}}, .page_tokens = 4});
    cache.adopt(prompt, 0, 20, [](uint32_t, uint32_t) { return true; }, false);
    EXPECT_EQ(found(cache, prompt), pages < 2 ? 4u : 80u) << pages;
  }
}

TEST(Cache, SwapsOutAndInOrNotAtAll) {
  for (uint32_t swap_pages = 0; swap_pages <= 4; ++swap_pages)
    for (uint32_t past = 1; past <= 12; ++past) {
      Cache cache({.groups = {{.window = 0, .pages = 4, .most_per_sequence = 4, .swap_pages = swap_pages}}, .page_tokens = 4});
      SequencePages owned, other;
      cache.grow(owned, 0, past);
      cache.grow(owned, past, 16);
      const uint32_t needed = (past + 3) / 4;
      ASSERT_EQ(cache.swap_out(owned, past), needed <= swap_pages);
      if (needed > swap_pages) {
        EXPECT_EQ(owned.count, 4u);
        cache.release(owned);
        continue;
      }
      EXPECT_EQ(cache.used_pages(), 0u);
      EXPECT_EQ(cache.used_swap_pages(), needed);
      cache.grow(other, 0, 4);
      EXPECT_EQ(cache.swap_in(owned, 0), needed <= 3);
      EXPECT_EQ(cache.used_swap_pages(), needed <= 3 ? 0u : needed);
      cache.release(owned);
      cache.release(other);
      EXPECT_EQ(cache.used_pages() + cache.used_swap_pages(), 0u);
    }
}

TEST(SnapshotStops, ComeInOrder) {
  const SnapshotStops stops{.every = 32, .branch = 44, .shared = 0, .last = 96, .end = 100};
  std::vector<uint32_t> all;
  for (uint32_t past = 0; (past = stops.next(past)) != UINT32_MAX;) all.push_back(past);
  EXPECT_EQ(all, (std::vector<uint32_t>{32, 44, 64, 96, 100}));
  for (uint32_t past = 0; past < 120; ++past) EXPECT_EQ(stops.at(past), std::ranges::find(all, past) != all.end()) << past;
  EXPECT_EQ(SnapshotStops{}.next(0), UINT32_MAX);
}

TEST(PagePool, ViewsNeitherOverlapNorLeaveTheirMemory) {
  MemoryBackend backend;
  const FakeModel model({.windows = {0, 8, 4}});
  for (const uint32_t page_tokens : {1u, 4u, 16u})
    for (const auto& [k_type, v_type] : {std::pair{ops::KvType::kF32, ops::KvType::kF32}, {ops::KvType::kF16, ops::KvType::kF32},
                                        {ops::KvType::kF16, ops::KvType::kF16}}) {
      PageLayout layout(model.state_shape(), page_tokens, k_type, v_type);
      const auto plan = plan_cache(model.state_shape(), layout,
                                   {.context = 40, .page_tokens = page_tokens, .k_type = k_type, .v_type = v_type, .prefill_chunk = 8}, 40);
      ASSERT_TRUE(plan);
      PagePool pool(layout, plan->groups, backend);
      EXPECT_EQ(pool.bytes(), plan->bytes);
      // Every byte of every view is marked; a second mark would be an overlap, a mark outside a fault (see the sanitizers).
      size_t marked = 0;
      for (const ops::KvLayer& layer : pool.layers())
        for (uint32_t page = 0; page < plan->groups[layer.group].pages; ++page)
          for (uint32_t head = 0; head < layer.kv_heads; ++head)
            for (const auto& [from, bytes] :
                 {std::pair{layer.keys(page, head), page_tokens * ops::kv_row_bytes(k_type, layer.k_dim)},
                  std::pair{layer.values(page, head), page_tokens * ops::kv_row_bytes(v_type, layer.v_dim)}})
              for (size_t i = 0; i < bytes; ++i, ++marked) {
                ASSERT_EQ(from[i], std::byte{0}) << "two views share a byte";
                from[i] = std::byte{1};
              }
      EXPECT_LE(marked, pool.bytes());
      for (const ops::KvLayer& layer : pool.layers()) EXPECT_EQ(reinterpret_cast<uintptr_t>(layer.first_page) % 64, 0u);
    }
}

TEST(PagePool, HeadsThatAreNoWholeBlocksAreRefused) {
  MemoryBackend backend;
  FakeModel model({});
  const auto refused = make_engine(model, backend, {.context = 40, .k_type = ops::KvType::kQ8_0, .v_type = ops::KvType::kF32});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("keys of 3"), std::string::npos) << refused.error().message;
}

TEST(RecurrentPool, SlotsAreSeparateAndCleared) {
  MemoryBackend backend;
  const FakeModel model({.is_recurrent = true});
  RecurrentPool pool(model.state_shape(), 3, backend);
  for (uint32_t slot = 0; slot < 3; ++slot)
    for (const ops::SlotLayer& layer : pool.layers())
      for (uint32_t i = 0; i < layer.floats; ++i) {
        ASSERT_EQ(layer.slot(slot)[i], 0);
        layer.slot(slot)[i] = static_cast<float>(slot + 1);
      }
  pool.clear(1);
  for (const ops::SlotLayer& layer : pool.layers())
    for (uint32_t i = 0; i < layer.floats; ++i) {
      EXPECT_EQ(layer.slot(0)[i], 1);
      EXPECT_EQ(layer.slot(1)[i], 0);
      EXPECT_EQ(layer.slot(2)[i], 3);
    }
}

TEST(CachePlan, WindowedGroupsTakeNoMoreThanTheyCanUse) {
  const FakeModel model({.context = 8192, .windows = {0, 64}});
  PageLayout layout(model.state_shape(), 16, ops::KvType::kF16, ops::KvType::kF16);
  const auto plan = plan_cache(model.state_shape(), layout, {.prefill_chunk = 32, .max_sequences = 2}, 8192);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->context, 8192u);
  EXPECT_EQ(plan->groups[0].pages, 512u);
  EXPECT_EQ(plan->groups[1].most_per_sequence, 8u);  // (64 + 32) / 16, and two that are cut
  EXPECT_EQ(plan->groups[1].pages, 2 * (8 + 5u));    // and a window that is kept
}

}  // namespace
}  // namespace hearth::engine
