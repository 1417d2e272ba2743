// Attention and the short convolution on every instruction set: near the reference, and the same bits however a prompt is cut.
#include <algorithm>
#include <array>
#include <numeric>

#include "ops/cpu/tests/samples.h"
#include "runner/shared_data.h"

namespace hearth::ops::cpu {
namespace {

using Values = std::vector<float>;

struct Shape {
  uint32_t heads, kv_heads, k_dim, v_dim, page_tokens;
  KvType type;
};

// One sequence of `tokens` tokens with random queries, keys and values. Cache memory not yet written is not a number.
class Sequence {
 public:
  Sequence(const Shape& shape, uint32_t tokens, uint64_t seed)
      : shape_(shape), tokens_(tokens),
        q_(normals(size_t{tokens} * shape.heads * shape.k_dim, seed)),
        k_(normals(size_t{tokens} * shape.kv_heads * shape.k_dim, seed + 1)),
        v_(normals(size_t{tokens} * shape.kv_heads * shape.v_dim, seed + 2)) {
    pages_.resize((tokens + shape.page_tokens - 1) / shape.page_tokens);
    layer_ = {.page_tokens = shape.page_tokens, .kv_heads = shape.kv_heads, .k_dim = shape.k_dim, .v_dim = shape.v_dim,
              .k_type = shape.type, .v_type = shape.type};
    layer_.page_stride = layer_.bytes_per_page();
  }

  // Runs the tokens in pieces of `chunk`, in a new cache with its pages from last to first, or from first to last.
  Values run(Backend& backend, uint32_t chunk, const AttentionOptions& options, bool reversed = true) {
    memory_.assign(layer_.page_stride * pages_.size() / 4 + 1, std::bit_cast<float>(0xFFFFFFFFu));
    layer_.first_page = reinterpret_cast<std::byte*>(memory_.data());
    std::iota(pages_.begin(), pages_.end(), 0u);
    if (reversed) std::ranges::reverse(pages_);
    Values out(size_t{tokens_} * shape_.heads * shape_.v_dim);
    for (uint32_t past = 0; past < tokens_; past += chunk) {
      const uint32_t rows = std::min(chunk, tokens_ - past);
      const std::array<std::span<const uint32_t>, 1> groups = {pages_};
      const std::array<SequenceRows, 1> sequences = {SequenceRows{.rows = rows, .past = past, .pages = groups}};
      const std::vector<int32_t> ids(rows);
      const Step step{.tokens = ids, .sequences = sequences};
      backend.kv_append(rows_of(k_, past, rows), rows_of(v_, past, rows), layer_, step);
      const uint32_t width = shape_.heads * shape_.v_dim;
      backend.attention(rows_of(q_, past, rows), layer_, step, {&out[size_t{past} * width], rows, width, width}, options);
    }
    return out;
  }

 private:
  ConstMatrix rows_of(const Values& values, uint32_t first, uint32_t rows) const {
    const auto width = static_cast<uint32_t>(values.size() / tokens_);
    return {&values[size_t{first} * width], rows, width, width};
  }

  Shape shape_;
  uint32_t tokens_;
  Values q_, k_, v_, memory_;
  std::vector<uint32_t> pages_;
  KvLayer layer_;
};

const Shape kShapes[] = {
    {2, 2, 64, 64, 16, KvType::kF32},   {4, 2, 128, 128, 64, KvType::kF16}, {8, 1, 8, 8, 5, KvType::kF16},
    {3, 1, 80, 80, 16, KvType::kF32},   {7, 1, 40, 24, 32, KvType::kF16},   {12, 1, 96, 112, 100, KvType::kF16},
    {6, 6, 256, 256, 256, KvType::kF16}};

AttentionOptions options_for(const Shape& shape, uint32_t variant, const Values& sinks) {
  AttentionOptions options{.heads = shape.heads, .scale = 1 / std::sqrt(static_cast<float>(shape.k_dim))};
  if (variant == 1) options.window = 30;
  if (variant == 2) options.softcap = 2;
  if (variant == 3) options.sinks = sinks.data();
  return options;
}

TEST(Attention, NearTheReference) {
  const Values sinks = normals(16, 1);
  size_t cases = 0;
  for (const Shape& shape : kShapes) {
    Sequence sequence(shape, 150, 3);
    for (uint32_t variant = 0; variant < 4; ++variant) {
      const AttentionOptions options = options_for(shape, variant, sinks);
      const Values wanted = sequence.run(*reference::make_backend(), 150, options);
      for (const KernelTable* table : usable_tables()) {
        const Values got = sequence.run(*backend_for(*table), 150, options);
        for (size_t i = 0; i < got.size(); ++i)
          ASSERT_NEAR(got[i], wanted[i], 3e-6 * (1 + std::fabs(wanted[i])))
              << table->isa << " dim " << shape.k_dim << " variant " << variant << " value " << i;
        ++cases;
      }
    }
  }
  hearth::testing::count_cases("kernel cases", cases);
}

TEST(Attention, TheSameBitsHoweverThePromptIsCut) {
  const Values sinks = normals(16, 1);
  size_t cases = 0;
  for (const Shape& shape : kShapes) {
    Sequence sequence(shape, 150, 5);
    for (const KernelTable* table : usable_tables()) {
      const auto one_thread = backend_for(*table, 1), two_threads = backend_for(*table, 2);
      for (uint32_t variant = 0; variant < 4; ++variant) {
        const AttentionOptions options = options_for(shape, variant, sinks);
        const Values whole = sequence.run(*one_thread, 150, options);
        for (const uint32_t chunk : {1u, 7u, 64u}) {
          expect_same_bits(sequence.run(*two_threads, chunk, options), whole,
                           std::string(table->isa) + " chunks of " + std::to_string(chunk));
          ++cases;
        }
        expect_same_bits(sequence.run(*two_threads, 150, options, /*reversed=*/false), whole, "page order");
      }
    }
  }
  hearth::testing::count_cases("kernel cases", cases);
}

TEST(Attention, SequencesOfAStepDoNotMeet) {
  // Two sequences in one step, over one cache: each as if alone.
  const Shape shape{4, 2, 32, 32, 16, KvType::kF16};
  const auto backend = backend_for(*usable_tables().front());
  KvLayer layer{.page_tokens = 16, .kv_heads = 2, .k_dim = 32, .v_dim = 32, .k_type = shape.type, .v_type = shape.type};
  layer.page_stride = layer.bytes_per_page();
  Values memory(layer.page_stride * 4 / 4);
  layer.first_page = reinterpret_cast<std::byte*>(memory.data());
  const std::array<uint32_t, 2> first_pages = {3, 0}, second_pages = {1, 2};
  const std::array<std::span<const uint32_t>, 1> first = {first_pages}, second = {second_pages};
  const Values q = normals(40 * 128, 1), k = normals(40 * 64, 2), v = normals(40 * 64, 3);
  const AttentionOptions options{.heads = 4, .scale = 0.2f};
  const std::vector<int32_t> ids(40);
  const std::array<SequenceRows, 2> both = {SequenceRows{.first_row = 0, .rows = 17, .pages = first},
                                            SequenceRows{.first_row = 17, .rows = 23, .pages = second}};
  Values together(40 * 128), alone(40 * 128);
  const Step step{.tokens = ids, .sequences = both};
  backend->kv_append(view(k, 40), view(v, 40), layer, step);
  backend->attention(view(q, 40), layer, step, view(together, 40), options);
  for (const SequenceRows& one : both) {
    const Step single{.tokens = ids, .sequences = {&one, 1}};
    backend->kv_append(view(k, 40), view(v, 40), layer, single);
    backend->attention(view(q, 40), layer, single, view(alone, 40), options);
  }
  expect_same_bits(together, alone, "two sequences");
}

TEST(ShortConv, NearTheReferenceAndTheSameInPieces) {
  constexpr uint32_t kWidth = 50, kTaps = 3, kTokens = 20;
  const Values x = normals(kTokens * 3 * kWidth, 1), kernel = normals(kWidth * kTaps, 2), bias = normals(kWidth, 3);
  const auto run = [&](Backend& backend, uint32_t chunk) {
    Values out(kTokens * kWidth), state((kTaps - 1) * kWidth);
    const SlotLayer layer{.first_slot = state.data(), .slot_stride = state.size(), .floats = (kTaps - 1) * kWidth};
    for (uint32_t past = 0; past < kTokens; past += chunk) {
      const uint32_t rows = std::min(chunk, kTokens - past);
      const std::array<SequenceRows, 1> sequences = {SequenceRows{.rows = rows, .past = past}};
      const std::vector<int32_t> ids(rows);
      backend.short_conv({&x[past * 3 * kWidth], rows, 3 * kWidth, 3 * kWidth}, kernel.data(), bias.data(), kTaps, layer,
                         {.tokens = ids, .sequences = sequences}, {&out[past * kWidth], rows, kWidth, kWidth});
    }
    out.insert(out.end(), state.begin(), state.end());
    return out;
  };
  const Values wanted = run(*reference::make_backend(), kTokens);
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    const Values got = run(*backend, kTokens);
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 1e-5) << table->isa << " " << i;
    for (const uint32_t chunk : {1u, 7u}) expect_same_bits(run(*backend, chunk), got, table->isa);
  }
}

}  // namespace
}  // namespace hearth::ops::cpu
