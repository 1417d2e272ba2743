// The kernels over AMX's tiles, on a plain model of the instructions: the same bits as the kernels without tiles.
#include "ops/cpu/isa/scalar/simd.h"
#include "ops/cpu/kernels/attributes.h"
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

// What an activation is in a record, and a record's place for it.
float put(Bf16Step& record, uint32_t i, float x) { return record.values[i] = Bf16::from(x); }
float put(SplitStep& record, uint32_t i, float x) {
  record.high[i] = Bf16::from(x);
  record.low[i] = Bf16::from(x - record.high[i]);
  return record.high[i] + float{record.low[i]};
}

template <class Step>
void put_row(const float* x, uint32_t columns, Step* first, size_t step_stride) {
  for (uint32_t i = 0; i < columns; ++i) put(first[i / kStepInputs * step_stride], i % kStepInputs, x[i]);
}

const ProductTable kByTiles = modelled::tile_products(Layouts{}, &put_row<Bf16Step>, &put_row<SplitStep>);

struct Case {
  Case(const quant::Format& format, uint32_t rows, uint32_t columns)
      : packer(packer_of(format)), weight(format, 16, columns, rows), rows(rows), x(normals(size_t{rows} * columns, rows)) {
    const WeightSource source = weight.source();
    panel = Buffer(packer.panel_bytes(source));
    packer.pack_panel(source, 0, panel.bytes());
  }

  PanelProduct task(std::vector<float>& out) const {
    return {.panel = panel.bytes(), .columns = weight.columns, .zero = packer.zero, .table = packer.table, .floats = nullptr,
            .bf16 = nullptr, .split = nullptr, .quantized = nullptr, .step_stride = rows, .rows = rows, .unpack = true, .fetch_steps = 0, .out = out.data()};
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

// left_out: the most that products left out are of |weight * x|.
template <class Step>
void expect_near_the_sums_and_the_same_alone(const char* name, const Step* PanelProduct::*records_of, double left_out) {
  const quant::Format& format = *quant::find_format(name);
  for (const uint32_t columns : {1u, 31u, 64u, 345u, 512u}) {
    constexpr uint32_t kRows = 83;
    const Case c(format, kRows, columns);
    auto records = c.records<Step>();
    std::vector<float> read(c.x.size());
    for (uint32_t r = 0; r < kRows; ++r)
      for (uint32_t i = 0; i < columns; ++i)
        read[size_t{r} * columns + i] = put(records[i / kStepInputs * kRows + r], i % kStepInputs, c.x[size_t{r} * columns + i]);
    std::vector<float> together(room(kRows)), second(room(kRows)), alone(room(1));
    PanelProduct task = c.task(together);
    task.*records_of = records.data();
    task.second = task.panel;
    task.second_out = second.data();
    kByTiles.of[c.packer.layout](task);
    task.second = nullptr;
    expect_same_bits({second.begin(), second.begin() + kRows * 16}, {together.begin(), together.begin() + kRows * 16}, "second panel");
    for (uint32_t r = 0; r < kRows; ++r) {
      task.rows = 1;
      task.*records_of = records.data() + r;
      task.out = alone.data();
      kByTiles.of[c.packer.layout](task);
      expect_same_bits({alone.begin(), alone.begin() + 16}, {&together[r * 16], &together[r * 16] + 16}, "row " + std::to_string(r));
      for (uint32_t o = 0; o < 16; ++o) {
        double sum = 0, size = 0;
        for (uint32_t i = 0; i < columns; ++i) {
          const double term = double{c.weight.decoded[size_t{o} * columns + i]} * read[size_t{r} * columns + i];
          sum += term;
          size += std::fabs(term);
        }
        ASSERT_NEAR(alone[o], sum, (2 * columns * 0x1p-24 + left_out) * size) << columns << " columns, row " << r << ", output " << o;
      }
    }
  }
}

TEST(TileProduct, Bf16PanelsNearTheSumsInDoubleAndTheSameAlone) {
  expect_near_the_sums_and_the_same_alone("bf16", &PanelProduct::bf16, 0);
}

TEST(TileProduct, F16PanelsNearTheSumsInDoubleAndTheSameAlone) {
  expect_near_the_sums_and_the_same_alone("f16", &PanelProduct::split, 0x1p-16);
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

// Rows in pieces of what tiles take at once, and each alone.
TEST(TileProduct, WholeProductsOfFloatsAreTheSameInAnyBatch) {
  static const ProductTable products = [] {
    ProductTable own = kByTiles;
    for (size_t layout = 0; layout < Layouts::kCount; ++layout)
      if (own.of[layout] == nullptr) own.of[layout] = kScalar.products->of[layout];
    return own;
  }();
  KernelTable table = kScalar;
  table.products = &products;
  const auto backend = backend_for(table);
  for (const char* name : {"f16", "bf16"}) {
    constexpr uint32_t kRows = 275, kColumns = 600;
    const RandomWeight weight(*quant::find_format(name), 90, kColumns, 5);
    const auto packed_weight = weight.pack(*backend);
    const std::vector<float> x = normals(size_t{kRows} * kColumns, 6);
    std::vector<float> together(size_t{kRows} * weight.rows), alone(weight.rows);
    backend->matmul(*packed_weight, view(x, kRows), view(together, kRows), {});
    for (uint32_t r = 0; r < kRows; ++r) {
      backend->matmul(*packed_weight, {&x[size_t{r} * kColumns], 1, kColumns, kColumns}, view(alone, 1), {});
      const auto row = together.begin() + r * weight.rows;
      expect_same_bits(alone, {row, row + weight.rows}, std::string(name) + " row " + std::to_string(r));
    }
  }
}

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
