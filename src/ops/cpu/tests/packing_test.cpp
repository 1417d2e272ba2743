// Packing: every byte written, whatever lay there; many weights at once; sizes known from headers; events.
#include <algorithm>
#include <map>
#include <mutex>

#include "base/hash.h"
#include "ops/cpu/packed/code_plane.h"
#include "ops/cpu/packed/packer.h"
#include "ops/cpu/matmul.h"
#include "ops/cpu/packing.h"
#include "ops/cpu/tests/samples.h"
#include "runner/shared_data.h"

namespace hearth::ops::cpu {
namespace {

std::vector<std::byte> packed_over(std::byte before, const WeightSource& source) {
  const Packer& packer = packer_of(*source.format);
  const size_t panel_bytes = packer.panel_bytes(source), panels = (source.rows + kPanelRows - 1) / kPanelRows;
  std::vector<std::byte> out(panels * panel_bytes, before);
  for (uint32_t p = 0; p < panels; ++p) packer.pack_panel(source, p, out.data() + p * panel_bytes);
  return out;
}

// Few and many inputs: short rows, and rows that whole vectors of the packer's loops fit into.
std::vector<uint32_t> column_counts(const quant::Format& format) {
  return {columns_for(format, 1), columns_for(format, 3), columns_for(format, 1 + 400 / format.block_values)};
}

TEST(Packer, WritesEveryByteAndZerosBehindTheLastRow) {
  for (const quant::Format& format : quant::formats())
    for (const uint32_t columns : column_counts(format))
      for (const uint32_t rows : {1u, 16u, 21u}) {
        const RandomWeight weight(format, rows, columns, rows);
        EXPECT_EQ(packed_over(std::byte{0}, weight.source()), packed_over(std::byte{0xFF}, weight.source()))
            << format.name << " " << rows << "x" << columns;
      }
}

TEST(Packer, TakesSourcesAtAnyAddress) {
  for (const quant::Format& format : quant::formats()) {
    const RandomWeight weight(format, 17, column_counts(format).back(), 5);
    std::vector<std::byte> moved(weight.bytes.size() + 1);
    std::ranges::copy(weight.bytes, moved.begin() + 1);
    WeightSource source = weight.source();
    source.bytes = std::span(moved).subspan(1);
    EXPECT_EQ(packed_over(std::byte{0}, source), packed_over(std::byte{0}, weight.source())) << format.name;
  }
}

TEST(Packer, HoldsEveryValueOfLongRows) {
  for (const quant::Format& format : quant::formats()) {
    const RandomWeight weight(format, 19, column_counts(format).back(), 6);
    const auto packed_bytes = packed_over(std::byte{0}, weight.source());
    const Packer& packer = packer_of(format);
    std::vector<float> row(weight.columns);
    for (uint32_t r = 0; r < weight.rows; ++r) {
      const std::byte* panel = packed_bytes.data() + r / kPanelRows * packer.panel_bytes(weight.source());
      packer.read_row(format, panel, r % kPanelRows, weight.columns, row.data());
      const auto* first = &weight.decoded[size_t{r} * weight.columns];
      expect_same_bits(row, {first, first + weight.columns}, std::string(format.name) + " row " + std::to_string(r));
    }
  }
}

// A weight of every format, all in one packing.
struct Everything {
  std::vector<RandomWeight> weights;
  Everything() {
    for (const quant::Format& format : quant::formats()) weights.emplace_back(format, 37, columns_for(format, 2), 11);
  }
};

TEST(Packing, ManyWeightsAtOnceAreTheSameAsOneByOne) {
  const auto backend = backend_for(*usable_tables().front(), 3);
  const Everything all;
  const auto packing = backend->begin_packing();
  std::vector<std::unique_ptr<Weight>> together;
  for (const RandomWeight& weight : all.weights) {
    const WeightSource source = weight.source();
    together.push_back(*packing->add({&source, 1}));
  }
  ASSERT_TRUE(packing->run({}).has_value());
  for (size_t i = 0; i < all.weights.size(); ++i) {
    const auto alone = all.weights[i].pack(*backend);
    std::vector<float> a(alone->columns), b(alone->columns);
    for (int32_t r = 0; r < 37; ++r) {
      backend->embed(*together[i], {&r, 1}, view(a, 1));
      backend->embed(*alone, {&r, 1}, view(b, 1));
      expect_same_bits(a, b, std::string(alone->format_name));
    }
  }
}

TEST(Packing, KnowsItsBytesWithoutTheSources) {
  const auto backend = backend_for(*usable_tables().front());
  const Everything all;
  const auto with = backend->begin_packing(), without = backend->begin_packing();
  uint64_t sum = 0;
  for (const RandomWeight& weight : all.weights) {
    WeightSource source = weight.source();
    sum += (*with->add({&source, 1}))->bytes;
    source.bytes = {};
    ASSERT_TRUE(without->add({&source, 1}).has_value());
  }
  EXPECT_EQ(with->bytes(), sum);
  EXPECT_EQ(without->bytes(), sum);
}

TEST(Packing, TellsOfEverySourceByteOnce) {
  const auto backend = backend_for(*usable_tables().front(), 3);
  const RandomWeight big(*quant::find_format("q8_0"), 6000, 1024, 1), small(*quant::find_format("f16"), 5, 64, 2);
  const auto packing = backend->begin_packing();
  for (const RandomWeight* weight : {&big, &small}) {
    const WeightSource source = weight->source();
    ASSERT_TRUE(packing->add({&source, 1}).has_value());
  }
  std::mutex mutex;
  std::map<const std::byte*, size_t> pieces;
  uint64_t last = 0;
  ASSERT_TRUE(packing
                  ->run({.packed = [&](std::span<const std::byte> bytes) {
                           const std::lock_guard lock(mutex);
                           EXPECT_TRUE(pieces.emplace(bytes.data(), bytes.size()).second);
                         },
                         .progress = [&](uint64_t done) {
                           EXPECT_GE(done, last);
                           last = done;
                         }})
                  .has_value());
  for (const RandomWeight* weight : {&big, &small}) {
    const std::byte* next = weight->bytes.data();
    for (; next < weight->bytes.data() + weight->bytes.size() && pieces.contains(next); next += pieces[next]) {}
    EXPECT_EQ(next, weight->bytes.data() + weight->bytes.size());
  }
  EXPECT_GT(pieces.size(), 3u);
  EXPECT_EQ(last, big.bytes.size() + small.bytes.size());
}

// Keeps images in memory; can damage them.
class MemoryStore final : public ImageStore {
 public:
  KeptImage find(std::string_view manifest, uint64_t) override {
    ++finds;
    const auto image = images.find(std::string(manifest));
    return image == images.end() ? KeptImage{} : image->second;
  }
  void discard(std::string_view manifest) override {
    ++discards;
    images.erase(std::string(manifest));
  }
  void keep(std::string_view manifest, std::shared_ptr<const std::byte> first, uint64_t bytes) override {
    ++keeps;
    KeptImage image{std::move(first), bytes, 4096, {}};
    image.piece_hashes.resize((bytes + 4095) / 4096);
    for (size_t i = 0; i < image.piece_hashes.size(); ++i) image.piece_hashes[i] = hash_bytes(image.piece(i));
    images[std::string(manifest)] = image;
  }
  std::map<std::string, KeptImage> images;
  int finds = 0, discards = 0, keeps = 0;
};

std::vector<float> all_rows(Backend& backend, const std::vector<std::unique_ptr<Weight>>& weights) {
  std::vector<float> values;
  for (const auto& weight : weights)
    for (int32_t r = 0; r < static_cast<int32_t>(weight->rows); ++r) {
      std::vector<float> row(weight->columns);
      backend.embed(*weight, {&r, 1}, view(row, 1));
      values.insert(values.end(), row.begin(), row.end());
    }
  return values;
}

std::vector<float> rows_through(Backend& backend, const Everything& all, ImageStore* kept) {
  const auto packing = backend.begin_packing();
  std::vector<std::unique_ptr<Weight>> weights;
  for (const RandomWeight& weight : all.weights) {
    const WeightSource source = weight.source();
    weights.push_back(*packing->add({&source, 1}));
  }
  EXPECT_TRUE(packing->run({}, kept).has_value());
  return all_rows(backend, weights);
}

TEST(Packing, KeptImagesGiveTheSameBits) {
  const auto backend = backend_for(*usable_tables().front(), 2);
  const Everything all;
  MemoryStore store;
  const auto fresh = rows_through(*backend, all, nullptr), first = rows_through(*backend, all, &store);
  EXPECT_EQ(store.keeps, 1);
  const auto second = rows_through(*backend, all, &store);
  EXPECT_EQ(store.keeps, 1);  // found, not packed again
  EXPECT_EQ(store.discards, 0);
  expect_same_bits(fresh, first, "packed and kept");
  expect_same_bits(fresh, second, "found");
}

TEST(Packing, DamagedImagesAreFoundBeforeTheyAreUsed) {
  const auto backend = backend_for(*usable_tables().front(), 2);
  const Everything all;
  const auto fresh = rows_through(*backend, all, nullptr);
  for (const double place : {0.0, 0.5, 0.999}) {
    MemoryStore store;
    rows_through(*backend, all, &store);
    KeptImage& image = store.images.begin()->second;
    const_cast<std::byte*>(image.first.get())[static_cast<size_t>(static_cast<double>(image.bytes) * place)] ^= std::byte{4};
    expect_same_bits(fresh, rows_through(*backend, all, &store), "packed again");
    EXPECT_EQ(store.discards, 1);
    EXPECT_EQ(store.keeps, 2);
  }
}

TEST(Packing, OtherShapesAskForOtherImages) {
  const auto backend = backend_for(*usable_tables().front());
  MemoryStore store;
  for (const uint32_t rows : {32u, 48u}) {
    const RandomWeight weight(*quant::find_format("q4_k"), rows, 512, 1);
    const auto packing = backend->begin_packing();
    const WeightSource source = weight.source();
    ASSERT_TRUE(packing->add({&source, 1}).has_value());
    ASSERT_TRUE(packing->run({}, &store).has_value());
  }
  EXPECT_EQ(store.images.size(), 2u);
}

TEST(Packing, LayoutsHaveNamesOfTheirOwn) {
  std::map<uint64_t, std::string_view> names;
  for (const quant::Format& format : quant::formats()) {
    if (packer_of(format).stored) continue;  // their rows are copied, whatever the format
    const auto [other, fresh] = names.emplace(layout_fingerprint(format), format.name);
    EXPECT_TRUE(fresh) << format.name << " and " << other->second;
    EXPECT_EQ(layout_fingerprint(format), layout_fingerprint(format));
  }
}

// On two memory nodes every panel is packed all the same, by any number of workers.
TEST(Packing, TwoMemoryNodesGiveTheSameBits) {
  const Everything all;
  const auto backend = backend_for(*usable_tables().front());
  const auto expected = rows_through(*backend, all, nullptr);
  for (const unsigned threads : {2u, 3u, 5u}) {
    ThreadPool pool(threads);
    const Placement placement = place_workers(synthetic_topology("numa:2 core:4 pu:1"), threads);
    ASSERT_EQ(placement.nodes, 2u);
    const auto packing = make_packing(pool, placement);
    std::vector<std::unique_ptr<Weight>> weights;
    for (const RandomWeight& weight : all.weights) {
      const WeightSource source = weight.source();
      weights.push_back(*packing->add({&source, 1}));
    }
    ASSERT_TRUE(packing->run({}, nullptr).has_value());
    expect_same_bits(expected, all_rows(*backend, weights), std::to_string(threads) + " workers");

    const Workers workers{*usable_tables().front(), pool, placement};
    Multiplier multiplier(workers, product_choices(workers.kernels));
    for (const auto& weight : weights) {
      const std::vector<float> x = normals(size_t{3} * weight->columns, 4);
      std::vector<float> on_two(size_t{3} * weight->rows, -1), on_one(on_two.size(), -2);
      const Product product{&packed(*weight), 0, 3, view(on_two, 3)};
      multiplier.multiply(view(x, 3), nullptr, {&product, 1});
      backend->matmul(*weight, view(x, 3), view(on_one, 3), {});
      expect_same_bits(on_one, on_two, std::string(weight->format_name) + " product");
    }
  }
}

TEST(Packing, RefusesColumnsThatAreNoWholeBlocks) {
  const auto backend = backend_for(*usable_tables().front());
  const WeightSource odd{"odd", quant::find_format("q4_k"), {}, 16, 300};
  const auto refused = backend->begin_packing()->add({&odd, 1});
  ASSERT_FALSE(refused.has_value());
  EXPECT_NE(refused.error().text().find("odd"), std::string::npos);
}

}  // namespace
}  // namespace hearth::ops::cpu
