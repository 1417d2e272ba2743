// The kernels over AMX's tiles, on a plain model of the instructions: the same bits as the kernels without tiles.
#include "ops/cpu/isa/scalar/simd.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/cpu/kernels/fetch.h"
#include "ops/cpu/matmul.h"
#include "ops/cpu/packed_weight.h"
#include "ops/cpu/tests/model_tiles.h"
#include "ops/cpu/tests/samples.h"
#include "runner/shared_data.h"

namespace hearth::ops::cpu {

extern const KernelTable kScalar;

namespace modelled {

using Simd = scalar::Simd;
using Tiles = ModelTiles;

#include "ops/cpu/kernels/codes.inl.h"
#include "ops/cpu/kernels/integer_product.inl.h"
#include "ops/cpu/kernels/tile_pieces.inl.h"
#include "ops/cpu/kernels/tile_product.inl.h"

}  // namespace modelled

namespace {

const ProductTable kByTiles = modelled::tile_products(Layouts{}, nullptr);

struct Case {
  Case(const quant::Format& format, uint32_t rows, uint32_t columns)
      : packer(packer_of(format)), weight(format, 16, columns, rows), rows(rows), x(normals(size_t{rows} * columns, rows)) {
    const WeightSource source = weight.source();
    panel = Buffer(packer.panel_bytes(source));
    packer.pack_panel(source, 0, panel.bytes());
  }

  PanelProduct task(std::vector<float>& out) const {
    return {.panel = panel.bytes(), .columns = weight.columns, .zero = packer.zero, .table = packer.table, .floats = nullptr,
            .bf16 = nullptr, .quantized = nullptr, .step_stride = rows, .rows = rows, .unpack = true, .fetch_steps = 0, .out = out.data()};
  }
  template <class Step>
  std::vector<Step> records() const {
    return std::vector<Step>(size_t{(weight.columns + kStepInputs - 1) / kStepInputs} * rows + kSpareRecords);
  }

  const Packer& packer;
  RandomWeight weight;
  uint32_t rows;
  std::vector<float> x;
  Buffer panel;
};

size_t room(uint32_t rows) { return (rows + 15) / 16 * 16 * kPanelRows; }

TEST(TileProduct, IntegerPanelsHaveTheBitsOfKernelsWithoutTiles) {
  size_t cases = 0;
  for (const quant::Format& format : quant::formats())
    for (const uint32_t rows : {1u, 15u, 16u, 17u, 31u, 32u, 33u, 48u, 49u, 96u, kTileRowsAtOnce}) {
      const Packer& packer = packer_of(format);
      if (packer.activation_group == 0 || kByTiles.by_tiles[packer.layout] == nullptr || packer.stored) continue;
      const Case c(format, rows, columns_for(format, format.block_values >= 256 ? 2 : 9));
      auto records = c.records<QuantizedStep>();
      for (uint32_t r = 0; r < rows; ++r)
        kScalar.quantize(&c.x[size_t{r} * c.weight.columns], c.weight.columns, packer.activation_group, &records[r], rows);
      std::vector<float> got(room(rows)), second(room(rows)), wanted(rows * 16);
      PanelProduct task = c.task(got);
      task.quantized = records.data();
      task.second = task.panel;
      task.second_out = second.data();
      kByTiles.by_tiles[packer.layout](task);
      task.out = wanted.data();
      task.second = nullptr;
      for (unsigned row = 0; row < rows; row += kRowsAtOnce) {
        task.rows = std::min(kRowsAtOnce, rows - row);
        task.quantized = records.data() + row;
        task.out = wanted.data() + 16 * row;
        kScalar.products->of[packer.layout](task);
      }
      const std::string what = std::string(format.name) + " rows " + std::to_string(rows);
      expect_same_bits({got.begin(), got.begin() + rows * 16}, wanted, what);
      expect_same_bits({second.begin(), second.begin() + rows * 16}, wanted, what + ", second panel");
      ++cases;
    }
  EXPECT_GT(cases, 100u);
  hearth::testing::count_cases("kernel cases", cases);
}

TEST(TileProduct, Bf16PanelsNearTheSumsInDoubleAndTheSameAlone) {
  const quant::Format& format = *quant::find_format("bf16");
  for (const uint32_t columns : {1u, 31u, 64u, 345u, 512u}) {
    constexpr uint32_t kRows = 83;
    const Case c(format, kRows, columns);
    auto records = c.records<Bf16Step>();
    for (uint32_t r = 0; r < kRows; ++r)
      for (uint32_t i = 0; i < columns; ++i) {
        const float x = c.x[size_t{r} * columns + i];
        records[i / kStepInputs * kRows + r].values[i % kStepInputs] = Bf16::from(x);
      }
    std::vector<float> together(room(kRows)), second(room(kRows)), alone(room(1));
    PanelProduct task = c.task(together);
    task.bf16 = records.data();
    task.second = task.panel;
    task.second_out = second.data();
    kByTiles.of[c.packer.layout](task);
    task.second = nullptr;
    expect_same_bits({second.begin(), second.begin() + kRows * 16}, {together.begin(), together.begin() + kRows * 16}, "second panel");
    for (uint32_t r = 0; r < kRows; ++r) {
      task.rows = 1;
      task.bf16 = records.data() + r;
      task.out = alone.data();
      kByTiles.of[c.packer.layout](task);
      expect_same_bits({alone.begin(), alone.begin() + 16}, {&together[r * 16], &together[r * 16] + 16}, "row " + std::to_string(r));
      for (uint32_t o = 0; o < 16; ++o) {
        double sum = 0, size = 0;
        for (uint32_t i = 0; i < columns; ++i) {
          const double term = double{c.weight.decoded[size_t{o} * columns + i]} * Bf16::from(c.x[size_t{r} * columns + i]);
          sum += term;
          size += std::fabs(term);
        }
        ASSERT_NEAR(alone[o], sum, 2 * columns * 0x1p-24 * size) << columns << " columns, row " << r << ", output " << o;
      }
    }
  }
}

// The table `scalar` with tiles beside its integer kernels.
struct ScalarWithTiles {
  ScalarWithTiles() : products(*kScalar.products), table(kScalar) {
    for (size_t layout = 0; layout < Layouts::kCount; ++layout)
      if (kByTiles.of[layout] == nullptr) products.by_tiles[layout] = kByTiles.by_tiles[layout];
    table.products = &products;
  }
  ProductTable products;
  KernelTable table;
};

// More rows than plain kernels take at once, and than tiles do; panels that come in pairs and one that is left.
TEST(TileProduct, WholeProductsHaveTheirBitsWhateverGoesThroughTiles) {
  const ScalarWithTiles tiled;
  ThreadPool pool(2);
  const Placement placement = place_workers({}, 2);
  size_t cases = 0;
  for (const char* name : {"q4_0", "q4_1", "q8_0", "mxfp4", "q4_k", "q6_k", "iq4_xs"})
    for (const uint32_t rows : {1u, 97u, 129u, 356u})
      for (const bool gated : {false, true}) {
        const quant::Format& format = *quant::find_format(name);
        const RandomWeight weight(format, 90, columns_for(format, format.block_values >= 256 ? 2 : 10), rows);
        const auto backend = backend_for(kScalar);
        const auto packed_weight = gated ? stacked(*backend, {weight.source(), weight.source()}) : weight.pack(*backend);
        const std::vector<float> x = normals(size_t{rows} * weight.columns, rows), bias = normals(weight.rows, 7);
        const auto product_by = [&](uint32_t tile_rows) {
          ProductChoices choices;
          choices.fill({.direct_rows = 0, .tile_rows = tile_rows, .fetch_rows = 0, .fetch_steps = 0});
          Multiplier multiplier({tiled.table, pool, placement}, choices);
          std::vector<float> out(size_t{rows} * weight.rows);
          Product product{&packed(*packed_weight), 0, rows, view(out, rows)};
          if (gated) product.gated = Activation::kSilu;
          else product.bias = bias.data();
          multiplier.multiply(view(x, rows), nullptr, {&product, 1});
          return out;
        };
        const std::vector<float> wanted = product_by(UINT32_MAX);
        for (const uint32_t tile_rows : {0u, 128u})
          expect_same_bits(product_by(tile_rows), wanted, std::string(name) + " rows " + std::to_string(rows) + " tiles from " + std::to_string(tile_rows));
        ++cases;
      }
  hearth::testing::count_cases("kernel cases", cases);
}

}  // namespace
}  // namespace hearth::ops::cpu
