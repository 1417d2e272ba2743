// The oracle against cases worked out by hand.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

#include "ops/reference/operations.h"
#include "ops/reference/reference_backend.h"
#include "tensor/half.h"

namespace hearth::ops::reference {
namespace {

using Values = std::vector<float>;

// Two formats of our own, so that these tests depend on no codec: plain floats, and pairs of int8 halves.
quant::Format made_format(uint32_t values, uint32_t bytes, decltype(quant::Format::decode) decode) {
  quant::Format format{};
  format.name = "made up";
  format.block_values = values;
  format.block_bytes = bytes;
  format.decode = decode;
  return format;
}
const quant::Format kPlain = made_format(
    1, 4, [](const std::byte* in, size_t blocks, float* out) { std::memcpy(out, in, blocks * sizeof(float)); });
const quant::Format kHalves = made_format(2, 2, [](const std::byte* in, size_t blocks, float* out) {
  for (size_t i = 0; i < 2 * blocks; ++i) out[i] = static_cast<int8_t>(in[i]) * 0.5f;
});

WeightSource plain(const Values& values, uint32_t rows, uint32_t columns) {
  return {"w", &kPlain, std::as_bytes(std::span(values)), rows, columns};
}

Matrix view(Values& values, uint32_t rows, uint32_t columns) { return {values.data(), rows, columns, columns}; }
ConstMatrix view(const Values& values, uint32_t rows, uint32_t columns) { return {values.data(), rows, columns, columns}; }

std::unique_ptr<Weight> pack(Backend& backend, const WeightSource& source) {
  auto weight = backend.pack({&source, 1});
  EXPECT_TRUE(weight.has_value());
  return std::move(*weight);
}

void expect_values(const Values& got, const Values& wanted, float tolerance = 1e-6f) {
  ASSERT_EQ(got.size(), wanted.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], tolerance) << "value " << i;
}

class ReferenceTest : public ::testing::Test {
 protected:
  std::unique_ptr<Backend> backend = make_backend();
};

TEST_F(ReferenceTest, MatmulStacksPartsOfDifferentFormats) {
  const Values top = {1, 2, 3, 4};
  const std::array<int8_t, 4> bottom = {2, -2, 6, 1};  // rows (1, -1) and (3, 0.5)
  const WeightSource parts[] = {plain(top, 2, 2), {"b", &kHalves, std::as_bytes(std::span(bottom)), 2, 2}};
  const auto weight = backend->pack(parts);
  ASSERT_TRUE(weight.has_value());
  EXPECT_EQ((*weight)->rows, 4u);
  EXPECT_EQ((*weight)->format_name, "mixed");
  const Values x = {1, 1, 0, 2};
  Values out(8);
  backend->matmul(**weight, view(x, 2, 2), view(out, 2, 4), {});
  expect_values(out, {3, 7, 0, 3.5f, 4, 8, -2, 1});
}

TEST_F(ReferenceTest, MatmulAddsBiasAndAccumulates) {
  const Values w = {1, 2, 3, 4}, x = {10, 1}, bias = {0.5f, -1};
  const auto weight = pack(*backend, plain(w, 2, 2));
  Values out = {100, 200};
  backend->matmul(*weight, view(x, 1, 2), view(out, 1, 2), {.bias = bias.data(), .accumulate = true});
  expect_values(out, {112.5f, 233});
}

TEST_F(ReferenceTest, MatmulNormalizesAndGates) {
  const Values gate_up = {-1, 0, 0, 1, 5, 0, 0, 7};  // gate's two rows, then up's
  const auto weight = pack(*backend, plain(gate_up, 4, 2));
  const Values x = {30, 40}, bias = {0, 0, 0, 1};
  const NormOptions norm{.eps = 0};  // (30, 40) / 35.36
  const float a = 30 / std::sqrt(1250.0f), b = 40 / std::sqrt(1250.0f);
  Values out = {100, 200};
  backend->matmul(*weight, view(x, 1, 2), view(out, 1, 2),
                  {.norm = &norm, .bias = bias.data(), .gated = Activation::kRelu, .accumulate = true});
  expect_values(out, {100, 200 + b * (7 * b + 1)}, 1e-4f);
  Values plain_out(4);
  backend->matmul(*weight, view(x, 1, 2), view(plain_out, 1, 4), {.norm = &norm});
  expect_values(plain_out, {-a, b, 5 * a, 7 * b});
}

TEST_F(ReferenceTest, PackRefusesWhatDoesNotFit) {
  const Values w = {1, 2, 3};
  const WeightSource short_bytes{"short", &kPlain, std::as_bytes(std::span(w)), 2, 2};
  const auto refused = backend->pack({&short_bytes, 1});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kBadFile);
  EXPECT_NE(refused.error().message.find("short has 12 bytes"), std::string::npos) << refused.error().message;
  const WeightSource odd{"odd", &kHalves, std::as_bytes(std::span(w)).first(3), 1, 3};
  ASSERT_FALSE(backend->pack({&odd, 1}).has_value());
  const WeightSource unequal[] = {plain(w, 1, 3), plain(w, 3, 1)};
  ASSERT_FALSE(backend->pack(unequal).has_value());
}

TEST_F(ReferenceTest, EmbedDecodesRows) {
  const Values w = {1, 2, 3, 4, 5, 6};
  const auto table = pack(*backend, plain(w, 3, 2));
  Values out(4);
  backend->embed(*table, std::array<int32_t, 2>{2, 0}, view(out, 2, 2));
  expect_values(out, {5, 6, 1, 2});
}

TEST_F(ReferenceTest, RmsNormPerGroup) {
  const Values x = {3, 4, 6, 8}, weight = {1, 2};
  Values out(4);
  backend->norm(view(x, 1, 4), view(out, 1, 4), {.weight = weight.data(), .eps = 0, .groups = 2});
  const float a = std::sqrt(12.5f), b = std::sqrt(50.0f);
  expect_values(out, {3 / a, 8 / a, 6 / b, 16 / b});
}

TEST_F(ReferenceTest, LayerNorm) {
  const Values x = {1, 3}, weight = {2, 2}, bias = {10, 20};
  Values out(2);
  backend->norm(view(x, 1, 2), view(out, 1, 2),
                {.kind = NormKind::kLayer, .weight = weight.data(), .bias = bias.data(), .eps = 3});
  expect_values(out, {9, 21});  // mean 2, variance 1: ±1 / sqrt(1 + 3) * 2
}

TEST_F(ReferenceTest, RopeTurnsPairs) {
  const Values angles = {0, 1, 1, 0};  // pair 0 by 90 degrees, pair 1 not at all
  Values split = {1, 2, 3, 4, 5}, paired = split;
  backend->rope(view(split, 1, 5), view(angles, 1, 4), {.heads = 1, .head_dim = 5, .dims = 4});
  expect_values(split, {-3, 2, 1, 4, 5});
  backend->rope(view(paired, 1, 5), view(angles, 1, 4), {.heads = 1, .head_dim = 5, .dims = 4, .interleaved = true});
  expect_values(paired, {-2, 1, 3, 4, 5});
}

TEST_F(ReferenceTest, Activations) {
  EXPECT_NEAR(activate(1, Activation::kSilu), 0.73105858f, 1e-7);
  EXPECT_NEAR(activate(1, Activation::kGelu), 0.84134475f, 1e-7);
  EXPECT_NEAR(activate(-6, Activation::kGelu), -5.9195e-9f, 1e-12);
  EXPECT_NEAR(activate(1, Activation::kGeluTanh), 0.84119199f, 1e-7);
  EXPECT_EQ(activate(-2, Activation::kRelu), 0);
  EXPECT_EQ(activate(3, Activation::kRelu2), 9);
}

TEST_F(ReferenceTest, RowSums) {
  Values a = {6, 12}, b = {10, 20};
  backend->scale(view(a, 1, 2), 2);
  expect_values(a, {12, 24});
  backend->softcap(view(a, 1, 2), 12);
  expect_values(a, {12 * std::tanh(1.0f), 12 * std::tanh(2.0f)}, 1e-5f);
  Values picked(2);
  backend->gather_rows(view(b, 2, 1), std::array<uint32_t, 2>{1, 1}, view(picked, 2, 1));
  expect_values(picked, {20, 20});
}

TEST_F(ReferenceTest, RouteTakesTheBestAndRenormalizes) {
  const Values logits = {0, std::log(3.0f), std::log(3.0f), std::log(2.0f)};
  std::vector<Route> routes(2);
  backend->route(view(logits, 1, 4), routes, {.active = 2, .renormalize = false, .scale = 2});
  EXPECT_EQ(routes[0].expert, 1u);  // ties: the lower index first
  EXPECT_EQ(routes[1].expert, 2u);
  EXPECT_NEAR(routes[0].weight, 2 * 3.0f / 9, 1e-6);
  backend->route(view(logits, 1, 4), routes, {.score = RouterOptions::Score::kSigmoid, .active = 2});
  EXPECT_NEAR(routes[0].weight, 0.5f, 1e-6);
}

TEST_F(ReferenceTest, ExpertsMixTheirAnswers) {
  const Values gate_up_a = {1, 10}, down_a = {1}, gate_up_b = {2, 3}, down_b = {-1};
  const auto ga = pack(*backend, plain(gate_up_a, 2, 1)), da = pack(*backend, plain(down_a, 1, 1));
  const auto gb = pack(*backend, plain(gate_up_b, 2, 1)), db = pack(*backend, plain(down_b, 1, 1));
  const Expert experts[] = {{ga.get(), da.get()}, {gb.get(), db.get()}};
  const Route routes[] = {{0, 0.5f}, {1, 1}, {1, 2}, {0, 0}};
  const Values x = {1, 2};
  Values out(2);
  backend->experts(view(x, 2, 1), experts, routes, view(out, 2, 1), {.active = 2, .activation = Activation::kRelu});
  expect_values(out, {0.5f * 10 - 6, 2 * -(4 * 6)});
  backend->experts(view(x, 2, 1), experts, routes, view(out, 2, 1),
                   {.active = 2, .activation = Activation::kRelu, .accumulate = true});
  expect_values(out, {2 * (0.5f * 10 - 6), 4 * -(4 * 6)});
}

// A cache of two pages of sixteen tokens, listed in reverse order; one kv head, keys of 2 and values of 2. Fifteen tokens lie
// in it whose scores are so low that they weigh nothing: those under test begin at the last place of the first page.
struct SmallCache {
  static constexpr uint32_t kBefore = 15;

  SmallCache(Backend& backend, KvType type) : memory(2 * 16 * 4) {
    layer = {.first_page = reinterpret_cast<std::byte*>(memory.data()), .page_tokens = 16, .kv_heads = 1, .k_dim = 2, .v_dim = 2,
             .k_type = type, .v_type = type};
    layer.page_stride = layer.bytes_per_page();
    Values k(kBefore * 2), v(kBefore * 2, 100);
    for (size_t i = 1; i < k.size(); i += 2) k[i] = -30000;
    append(backend, k, v, 0);
  }
  void append(Backend& backend, const Values& k, const Values& v, uint32_t past) {
    const auto rows = static_cast<uint32_t>(k.size() / 2);
    run(rows, past, [&](const Step& step) { backend.kv_append(view(k, rows, 2), view(v, rows, 2), layer, step); });
  }
  template <class Run>
  void run(uint32_t rows, uint32_t past, Run run) {
    const std::vector<int32_t> tokens(rows);
    const std::array<SequenceRows, 1> sequences = {SequenceRows{.rows = rows, .past = past, .pages = groups}};
    run(Step{.tokens = tokens, .sequences = sequences});
  }
  Values memory;
  KvLayer layer;
  std::array<uint32_t, 2> pages = {1, 0};
  std::array<std::span<const uint32_t>, 1> groups = {pages};
};

TEST_F(ReferenceTest, AttentionMixesWhatEachQuerySees) {
  for (const KvType type : {KvType::kF32, KvType::kF16}) {
    SmallCache cache(*backend, type);
    const float ln2 = std::log(2.0f);
    cache.append(*backend, {0, 0, 1, 0, 0, 0}, {1, 0, 4, 8, 7, 2}, SmallCache::kBefore);

    // Two query heads share the kv head. The second numbers meet the low keys.
    const Values q = {5, 1, 5, 1, ln2, 1, 0, 1, ln2, 1, 0, 1};
    Values out(12);
    const auto attend = [&](const AttentionOptions& options) {
      cache.run(3, SmallCache::kBefore,
                [&](const Step& step) { backend->attention(view(q, 3, 4), cache.layer, step, view(out, 3, 4), options); });
    };
    attend({.heads = 2, .scale = 1});
    // Second row, head 0: weights 1/3 and 2/3. Third row, head 0: 1/4, 2/4, 1/4. Head 1 there: thirds.
    expect_values(out, {1, 0, 1, 0, 3, 16 / 3.0f, 2.5f, 4, 4, 4.5f, 4, 10 / 3.0f}, 1e-5f);

    attend({.heads = 2, .scale = 1, .window = 1});
    expect_values(out, {1, 0, 1, 0, 4, 8, 4, 8, 7, 2, 7, 2}, 1e-5f);

    const Values sinks = {ln2, 0};
    attend({.heads = 2, .scale = 1, .window = 1, .sinks = sinks.data()});
    // Second row, head 0: score ln 2 against a sink of ln 2. Head 1: score 0 against 0. Third row, head 0: 1 of 3.
    expect_values(Values(out.begin() + 4, out.end()), {2, 4, 2, 4, 7 / 3.0f, 2 / 3.0f, 3.5f, 1}, 1e-5f);

    attend({.heads = 2, .scale = 1, .window = 2, .softcap = 1});
    const float capped = std::exp(std::tanh(ln2));
    EXPECT_NEAR(out[4], (1 + 4 * capped) / (1 + capped), 1e-5);
  }
}

TEST_F(ReferenceTest, ShortConvKeepsItsTaps) {
  const Values kernel = {1, 10, 100}, bias = {0.5f};
  Values state(2);
  const SlotLayer layer{.first_slot = state.data(), .slot_stride = 2, .floats = 2};
  const std::array<int32_t, 2> tokens{};
  const std::array<SequenceRows, 1> sequences = {SequenceRows{.rows = 2}};
  const Step step{.tokens = tokens, .sequences = sequences};
  const Values x = {2, 1, 3, 1, 2, 4};  // u = 6, then 4; c = 1, then 2
  Values out(2);
  backend->short_conv(view(x, 2, 3), kernel.data(), bias.data(), 3, layer, step, view(out, 2, 1));
  expect_values(out, {600.5f, 2 * (60 + 400 + 0.5f)});
  expect_values(state, {6, 4});
  backend->short_conv(view(x, 2, 3), kernel.data(), nullptr, 3, layer, step, view(out, 2, 1));
  expect_values(out, {6 + 40 + 600, 2 * (4 + 60 + 400)});
}

}  // namespace
}  // namespace hearth::ops::reference
