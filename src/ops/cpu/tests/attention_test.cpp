// Attention and the short convolution on every instruction set, for every KV type: near the reference, which reads the same
// cache, and the same bits however a prompt is cut, whoever computes it and whatever else is in the step.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/cpu/isa/scalar/simd.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/cpu/tests/model_tiles.h"
#include "ops/cpu/tests/samples.h"
#include "ops/kv/all.h"
#include "runner/shared_data.h"

namespace hearth::ops::cpu {

extern const KernelTable kScalar;

namespace modelled {

using Simd = scalar::Simd;
using Tiles = ModelTiles;

#include "ops/cpu/kernels/math.inl.h"
#include "ops/cpu/kernels/attention_weights.inl.h"
#include "ops/cpu/kernels/tile_pieces.inl.h"
#include "ops/cpu/kernels/tile_attention.inl.h"

}  // namespace modelled

namespace {

// The tables that this machine has, and one with attention through a plain model of AMX's tiles.
std::vector<const KernelTable*> tested_tables() {
  static const KernelTable by_model = [] {
    KernelTable table = kScalar;
    table.isa = "model of amx";
    table.attention = {.room = &modelled::attention_room, .pack = &modelled::pack_queries, .run = &modelled::attend};
    return table;
  }();
  std::vector<const KernelTable*> tables = usable_tables();
  tables.push_back(&by_model);
  return tables;
}

bool is_model(const KernelTable& table) { return std::string_view(table.isa).starts_with("model"); }  // a hundred times slower

// Of a result near `wanted`. Through tiles, weights and values have some 17 bits.
double tolerance(const KernelTable& table, double wanted) {
  return (std::string_view(table.isa).ends_with("amx") ? 2e-5 : 3e-6) * (1 + std::fabs(wanted));
}

using Values = std::vector<float>;

// Numbers that round to zero, to subnormal halves, to the largest and beyond, and none.
Values with_odd_ones(Values x) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float odd[] = {0, -0.0f, 1e-9f, 2.98e-8f, -5.96e-8f, 6.1e-5f, 65503, 65519.9f, -65520, 1e30f, kInfinity, -kInfinity, std::nanf("5")};
  for (size_t i = 0; i < std::size(odd) && 3 * i < x.size(); ++i) x[3 * i] = odd[i];
  return x;
}

TEST(Cache, EveryTableWritesTheBitsOfTheFormat) {
  for (const KernelTable* table : usable_tables())
    for (const KvFormat& format : kv_formats()) {
      const KvPut& put = table->put[static_cast<size_t>(*find_kv_type(format.name))];
      for (const uint32_t dim : {1u, 37u, 64u, 128u}) {
        if (dim % format.block_values != 0) continue;
        const std::vector<std::byte> before(size_t{kKvTile} * dim / format.block_values * format.block_bytes, std::byte{0x5A});
        auto keys = before, values = before, wanted_keys = before, wanted_values = before;
        for (const uint32_t token : {0u, 7u, 15u}) {
          const Values numbers = normals(dim, token + 1), x = format.block_values == 1 ? with_odd_ones(numbers) : numbers;
          put.key(x.data(), dim, keys.data(), token);
          put.value(x.data(), dim, values.data(), token);
          format.put_key(x.data(), dim, wanted_keys.data(), token);
          format.put_value(x.data(), dim, wanted_values.data(), token);
        }
        EXPECT_EQ(keys, wanted_keys) << table->isa << " " << format.name << " " << dim;
        EXPECT_EQ(values, wanted_values) << table->isa << " " << format.name << " " << dim;
      }
    }
}

struct Shape {
  uint32_t heads, kv_heads, k_dim, v_dim, page_tokens;
};
struct Types {
  KvType k, v;
  std::string name() const { return std::string(kv_format(k).name) + "/" + std::string(kv_format(v).name); }
};

// Every type for both, and each with its neighbour in the list.
std::vector<Types> all_types() {
  std::vector<Types> types;
  const size_t count = kv_formats().size();
  for (size_t i = 0; i < count; ++i) {
    types.push_back({static_cast<KvType>(i), static_cast<KvType>(i)});
    types.push_back({static_cast<KvType>(i), static_cast<KvType>((i + 1) % count)});
  }
  return types;
}

// How a sequence is run: pieces of `chunk` tokens, the last `generated` of them one by one as generated tokens.
struct Way {
  uint32_t chunk = 1u << 20, generated = 0;
  uint32_t page_seed = 1;
};

// One sequence of `tokens` tokens with random queries, keys and values. Cache memory not yet written is not a number.
class Sequence {
 public:
  Sequence(const Shape& shape, Types types, uint32_t tokens, uint64_t seed)
      : shape_(shape), tokens_(tokens),
        q_(normals(size_t{tokens} * shape.heads * shape.k_dim, seed)),
        k_(normals(size_t{tokens} * shape.kv_heads * shape.k_dim, seed + 1)),
        v_(normals(size_t{tokens} * shape.kv_heads * shape.v_dim, seed + 2)) {
    pages_.resize((tokens + shape.page_tokens - 1) / shape.page_tokens);
    layer_ = {.page_tokens = shape.page_tokens, .kv_heads = shape.kv_heads, .k_dim = shape.k_dim, .v_dim = shape.v_dim,
              .k_type = types.k, .v_type = types.v};
    layer_.page_stride = layer_.bytes_per_page();
  }

  bool is_possible() const { return check_kv(layer_).has_value(); }
  // A token's first number.
  void set_query(uint32_t token, float number) { q_[size_t{token} * shape_.heads * shape_.k_dim] = number; }
  void set_key(uint32_t token, float number) { k_[size_t{token} * shape_.kv_heads * shape_.k_dim] = number; }
  void set_value(uint32_t token, float number) { v_[size_t{token} * shape_.kv_heads * shape_.v_dim] = number; }

  // In a new cache, whose pages lie in an order of their own.
  Values run(Backend& backend, const AttentionOptions& options, const Way& way = {}) {
    memory_.assign(layer_.page_stride * pages_.size() / 4 + 1, std::bit_cast<float>(0xFFFFFFFFu));
    layer_.first_page = reinterpret_cast<std::byte*>(memory_.data());
    std::iota(pages_.begin(), pages_.end(), 0u);
    Random random(way.page_seed);
    for (size_t i = pages_.size(); i > 1; --i) std::swap(pages_[i - 1], pages_[random.below(i)]);
    Values out(size_t{tokens_} * shape_.heads * shape_.v_dim);
    const uint32_t prompt = tokens_ - way.generated;
    for (uint32_t past = 0; past < tokens_;) {
      const uint32_t rows = past < prompt ? std::min(way.chunk, prompt - past) : 1;
      const std::array<std::span<const uint32_t>, 1> groups = {pages_};
      const std::array<SequenceRows, 1> sequences = {SequenceRows{.rows = rows, .past = past, .pages = groups}};
      const std::vector<int32_t> ids(rows);
      const Step step{.tokens = ids, .sequences = sequences, .generated_rows = past < prompt ? 0 : rows};
      backend.kv_append(rows_of(k_, past, rows), rows_of(v_, past, rows), layer_, step);
      const uint32_t width = shape_.heads * shape_.v_dim;
      backend.attention(rows_of(q_, past, rows), layer_, step, {&out[size_t{past} * width], rows, width, width}, options);
      past += rows;
    }
    return out;
  }
  const Values& memory() const { return memory_; }  // of the last run

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

// Groups of 1 to 16 heads, dimensions that fill vectors and blocks and such that do not, pages of one tile and of many.
const Shape kShapes[] = {{2, 2, 64, 64, 16},  {4, 2, 128, 128, 64},  {8, 1, 8, 8, 16},     {3, 1, 80, 80, 32},  {7, 1, 40, 24, 48},
                         {12, 1, 96, 112, 16}, {6, 6, 256, 256, 256}, {16, 1, 32, 64, 128}, {10, 2, 24, 96, 16}};

AttentionOptions options_for(const Shape& shape, uint32_t variant, const Values& sinks) {
  AttentionOptions options{.heads = shape.heads, .scale = 1 / std::sqrt(static_cast<float>(shape.k_dim))};
  if (variant == 1) options.window = 30;
  if (variant == 2) options.softcap = 2;
  if (variant == 3) options.sinks = sinks.data();
  return options;
}

TEST(Attention, NearTheReference) {
  const Values sinks = normals(24, 1);
  size_t cases = 0;
  for (const Shape& shape : kShapes)
    for (const Types types : all_types()) {
      Sequence sequence(shape, types, 100, 3);
      if (!sequence.is_possible()) continue;
      for (uint32_t variant = 0; variant < 4; ++variant) {
        const AttentionOptions options = options_for(shape, variant, sinks);
        const Values wanted = sequence.run(*reference::make_backend(), options), cache = sequence.memory();
        for (const KernelTable* table : tested_tables()) {
          const Values got = sequence.run(*backend_for(*table), options);
          expect_same_bits(sequence.memory(), cache, std::string(table->isa) + " cache of " + types.name());
          for (size_t i = 0; i < got.size(); ++i)
            ASSERT_NEAR(got[i], wanted[i], tolerance(*table, wanted[i]))
                << table->isa << " " << types.name() << " dim " << shape.k_dim << " variant " << variant << " value " << i;
          ++cases;
        }
      }
    }
  hearth::testing::count_cases("kernel cases", cases);
}

// More than one run of the context, so that states are merged, and far more than a window.
TEST(Attention, NearTheReferenceInALongContext) {
  const Values sinks = normals(24, 1);
  for (const Shape& shape : {Shape{4, 2, 32, 32, 16}, Shape{12, 1, 8, 24, 64}})
    for (const KvType type : {KvType::kF32, KvType::kF16})
      for (const uint32_t variant : {0u, 1u, 3u}) {
        Sequence sequence(shape, {type, type}, 1100, 3);
        AttentionOptions options = options_for(shape, variant, sinks);
        if (variant == 1) options.window = 700;
        const Values wanted = sequence.run(*reference::make_backend(), options);
        for (const KernelTable* table : tested_tables()) {
          const Values got = sequence.run(*backend_for(*table), options);
          for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], tolerance(*table, wanted[i])) << table->isa << " " << i;
        }
      }
}

// Keys that are no finite numbers: whoever sees one has a result that is none where the reference's is none, however long ago it was.
TEST(Attention, WhatIsNoNumberDoesNotGetLost) {
  const Shape shape{4, 2, 32, 32, 16};
  for (const KvType type : {KvType::kF32, KvType::kF16})
    for (const float odd : {NAN, INFINITY}) {
      Sequence sequence(shape, {type, type}, 600, 3);
      sequence.set_key(10, odd);
      const AttentionOptions options = options_for(shape, 0, {});
      const Values wanted = sequence.run(*reference::make_backend(), options);
      EXPECT_TRUE(std::ranges::any_of(wanted, [](float v) { return std::isnan(v); }));
      for (const KernelTable* table : tested_tables()) {
        const Values got = sequence.run(*backend_for(*table), options);
        const bool is_in_pieces = std::string_view(table->isa).ends_with("amx");  // of which an infinity has one that is no number
        for (size_t i = 0; i < got.size(); ++i)
          if (std::isnan(wanted[i]) || !is_in_pieces)
            ASSERT_EQ(std::isnan(got[i]), std::isnan(wanted[i])) << table->isa << " key " << odd << " value " << i;
      }
    }
}

// Payloads that rounding would carry into the sign.
TEST(Attention, QueriesThatAreNoNumbersStayNone) {
  for (const uint32_t bits : {0x7FFFE000u, 0x7FFFFFFFu, 0xFFFFE000u}) {
    Sequence sequence({1, 1, 32, 32, 16}, {KvType::kF16, KvType::kF16}, 20, 3);
    sequence.set_query(19, std::bit_cast<float>(bits));
    for (const KernelTable* table : tested_tables()) {
      const Values got = sequence.run(*backend_for(*table), {.heads = 1, .scale = 0.2f});
      for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(std::isnan(got[i]), i >= 19 * 32) << table->isa << " " << bits << " value " << i;
    }
  }
}

// Values that are no finite numbers, of the first token of a page and of one in the middle: who does not see the token does not notice
// it, however many queries are worked on together.
TEST(Attention, NobodyNoticesATokenNotSeen) {
  for (const Shape& shape : {Shape{4, 2, 32, 32, 16}, Shape{1, 1, 64, 96, 64}, Shape{2, 2, 8, 24, 16}})
    for (const KvFormat& format : kv_formats())
      for (const uint32_t token : {40u, 48u, 64u}) {
        const auto type = *find_kv_type(format.name);
        Sequence sequence(shape, {type, type}, 90, 3);
        if (!sequence.is_possible()) continue;
        sequence.set_value(token, format.block_values == 1 ? INFINITY : 1e9f);  // blocks: their scale becomes infinite
        for (const uint32_t window : {0u, 30u}) {
          const AttentionOptions options{.heads = shape.heads, .scale = 0.2f, .window = window};
          const auto check = [&](Backend& backend, const std::string& isa) {
            const std::string what = isa + " " + std::string(format.name) + " token " + std::to_string(token);
            const Values whole = sequence.run(backend, options), one_by_one = sequence.run(backend, options, {.chunk = 1});
            const size_t row = size_t{shape.heads} * shape.v_dim;
            for (size_t i = 0; i < whole.size(); ++i)
              if (i / row < token || (window != 0 && i / row >= token + window)) ASSERT_TRUE(std::isfinite(whole[i])) << what << " value " << i;
            expect_same_bits(whole, one_by_one, what);
            expect_same_bits(sequence.run(backend, options, {.chunk = 7}), one_by_one, what + " chunks of 7");
          };
          check(*reference::make_backend(), "reference");
          for (const KernelTable* table : tested_tables()) check(*backend_for(*table), table->isa);
        }
      }
}

TEST(Attention, TheSameBitsHoweverThePromptIsCut) {
  const Values sinks = normals(24, 1);
  size_t cases = 0;
  for (const Shape& shape : kShapes)
    for (const Types types : all_types()) {
      Sequence sequence(shape, types, 90, 5);
      if (!sequence.is_possible()) continue;
      for (const KernelTable* table : tested_tables()) {
        if (is_model(*table) && types.k != types.v) continue;
        const auto backend = backend_for(*table);
        for (const uint32_t variant : {1u, 3u}) {
          const AttentionOptions options = options_for(shape, variant, sinks);
          const Values whole = sequence.run(*backend, options);
          for (const Way way : {Way{.chunk = 1, .page_seed = 2}, Way{.chunk = 7}, Way{.chunk = 40, .generated = 20}}) {
            expect_same_bits(sequence.run(*backend, options, way), whole,
                             types.name() + " " + table->isa + " chunks of " + std::to_string(way.chunk));
            ++cases;
          }
        }
      }
    }
  hearth::testing::count_cases("kernel cases", cases);
}

// Tiles become smaller and contexts are divided into runs where there are more threads than tiles.
TEST(Attention, TheSameBitsWithAnyNumberOfThreads) {
  const Values sinks = normals(24, 1);
  for (const KvFormat& format : kv_formats()) {
    const auto type = static_cast<KvType>(&format - kv_formats().data());
    for (const Shape& shape : {Shape{4, 1, 32, 32, 16}, Shape{24, 2, 32, 64, 64}}) {
      Sequence sequence(shape, {type, type}, 1150, 6);
      for (uint32_t variant : {0u, 1u, 3u}) {
        AttentionOptions options = options_for(shape, variant, sinks);
        if (variant == 1) options.window = 700;
        const Way way{.chunk = 1140, .generated = 5, .page_seed = variant};
        for (const KernelTable* table : {tested_tables().front(), tested_tables().back()}) {
          if (is_model(*table) && (variant == 0 || shape.heads > 4)) continue;
          const std::string what = std::string(format.name) + " " + table->isa;
          const Values one = sequence.run(*backend_for(*table, 1), options, way);
          for (const unsigned threads : is_model(*table) ? std::vector{3u} : std::vector{2u, 3u, 5u, 8u})
            expect_same_bits(sequence.run(*backend_for(*table, threads), options, way), one, what + " threads " + std::to_string(threads));
          expect_same_bits(sequence.run(*backend_for(*table, 8), options, {.chunk = 300}), one, what + " chunks");
        }
      }
    }
  }
}

// Sequences of one step, generated and prompt rows mixed, over one cache: each as if alone.
TEST(Attention, SequencesOfAStepDoNotMeet) {
  for (const KernelTable* table : {tested_tables().front(), tested_tables().back()})
    for (const Types types : all_types()) {
      const Shape shape{4, 2, 32, 32, 16};
      const auto backend = backend_for(*table);
      KvLayer layer{.page_tokens = 16, .kv_heads = 2, .k_dim = 32, .v_dim = 32, .k_type = types.k, .v_type = types.v};
      layer.page_stride = layer.bytes_per_page();
      Values memory(layer.page_stride * 44 / 4);
      layer.first_page = reinterpret_cast<std::byte*>(memory.data());
      std::vector<uint32_t> long_pages(40);  // 640 tokens: a context of more than one run
      std::iota(long_pages.begin(), long_pages.end(), 4u);
      const std::array<uint32_t, 2> first_pages = {3, 0}, second_pages = {1, 2};
      const std::array<std::span<const uint32_t>, 1> first = {first_pages}, second = {second_pages}, third = {long_pages};
      const std::vector<int32_t> ids(640);
      const Values before_k = normals(639 * 64, 7), before_v = normals(639 * 64, 8);
      const SequenceRows before{.rows = 639, .pages = third};
      backend->kv_append(view(before_k, 639), view(before_v, 639), layer, {.tokens = {ids.data(), 639}, .sequences = {&before, 1}});

      const Values q = normals(41 * 128, 1), k = normals(41 * 64, 2), v = normals(41 * 64, 3);
      const AttentionOptions options{.heads = shape.heads, .scale = 0.2f};
      const std::array<SequenceRows, 3> all = {SequenceRows{.first_row = 0, .rows = 1, .past = 639, .pages = third},
                                               SequenceRows{.first_row = 1, .rows = 17, .pages = first},
                                               SequenceRows{.first_row = 18, .rows = 23, .pages = second}};
      Values together(41 * 128), alone(41 * 128);
      const Step step{.tokens = {ids.data(), 41}, .sequences = all, .generated_rows = 1};
      backend->kv_append(view(k, 41), view(v, 41), layer, step);
      backend->attention(view(q, 41), layer, step, view(together, 41), options);
      for (const SequenceRows& one : all) {
        const Step single{.tokens = {ids.data(), 41}, .sequences = {&one, 1}};
        backend->kv_append(view(k, 41), view(v, 41), layer, single);
        backend->attention(view(q, 41), layer, single, view(alone, 41), options);
      }
      expect_same_bits(together, alone, types.name() + " " + table->isa);
    }
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
