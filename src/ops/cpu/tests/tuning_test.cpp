// Tuning by an invented clock, the file it is kept in, and that choices change no bit.
#include "ops/cpu/tuning.h"

#include <unistd.h>

#include <filesystem>
#include <map>

#include "base/cpu_info.h"
#include "base/file.h"
#include "ops/cpu/matmul.h"
#include "ops/cpu/tests/samples.h"
#include "ops/cpu/tuning_file.h"
#include "runner/shared_data.h"

namespace hearth::ops::cpu {
namespace {

constexpr uint32_t kNever = UINT32_MAX;

TEST(Choices, ChangeNoBit) {
  ThreadPool pool(2);
  const Placement placement = place_workers({}, 2);
  const LayoutChoices ways[] = {{kNever, kNever, 0}, {0, kNever, 0}, {kNever, kNever, 3}, {kNever, 0, 2}, {0, 0, 0}, {kNever, kNever, 0, 0, true}};
  size_t cases = 0;
  for (const KernelTable* table : usable_tables())
    for (const quant::Format& format : quant::formats())
      for (const uint32_t rows : {1u, 5u, 17u, 64u}) {
        const RandomWeight weight(format, 37, columns_for(format, format.block_values >= 256 ? 2 : 9), rows);
        const auto packed_weight = weight.pack(*backend_for(*table));
        const std::vector<float> x = normals(size_t{rows} * weight.columns, rows);
        std::vector<float> first;
        for (const LayoutChoices& way : ways) {
          ProductChoices choices;
          choices.fill(way);
          Multiplier multiplier({*table, pool, placement}, choices);
          std::vector<float> out(size_t{rows} * weight.rows);
          const Product product{&packed(*packed_weight), 0, rows, view(out, rows)};
          multiplier.multiply(view(x, rows), nullptr, {&product, 1});
          if (first.empty()) first = out;
          expect_same_bits(first, out, std::string(table->isa) + " " + std::string(format.name) + " rows " + std::to_string(rows));
          ++cases;
        }
      }
  hearth::testing::count_cases("kernel cases", cases);
}

// Three panels of each part, so that the last is alone.
TEST(Choices, TwoPanelsByTurnsChangeNoBitOfFusedProducts) {
  ThreadPool pool(2);
  const Placement placement = place_workers({}, 2);
  const std::vector<float> bias = normals(2 * 37, 3), x = normals(512, 4), before = normals(37, 5);
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const auto& [gate, up] : {std::pair{"q8_0", "q8_0"}, {"q4_k", "q6_k"}, {"f16", "f32"}, {"bf16", "q8_0"}, {"q5_1", "f64"}}) {
      const RandomWeight of_gate(*quant::find_format(gate), 37, 512, 1), of_up(*quant::find_format(up), 37, 512, 2);
      const auto weight = stacked(*backend, {of_gate.source(), of_up.source()});
      const auto multiplied = [&](bool two_panels) {
        ProductChoices choices;
        choices.fill({.direct_rows = kNever, .tile_rows = kNever, .fetch_rows = kNever, .two_panels = two_panels});
        Multiplier multiplier({*table, pool, placement}, choices);
        std::vector<float> out = before;
        const Product product{.weight = &packed(*weight), .first_row = 0, .rows = 1, .out = view(out, 1), .bias = bias.data(),
                              .gated = Activation::kSilu, .accumulate = true};
        multiplier.multiply(view(x, 1), nullptr, {&product, 1});
        return out;
      };
      expect_same_bits(multiplied(false), multiplied(true), std::string(gate) + " and " + up + " on " + table->isa);
    }
  }
}

// Every layout has tiles in this one, functions of their own, so that all switches are looked for.
struct TiledTable {
  TiledTable() : products(*usable_tables().front()->products), table(*usable_tables().front()) {
    [&]<size_t... layout>(std::index_sequence<layout...>) {
      ((products.by_tiles[layout] = [](const PanelProduct& p) { usable_tables().front()->products->of[layout](p); }), ...);
    }(std::make_index_sequence<Layouts::kCount>());
    table.products = &products;
  }
  ProductTable products;
  KernelTable table;
};

// Directly as long as there are rows, beyond 17 three times that, and unpacked the other way round: clear enough to change any
// built-in choice. By tiles 17.5. Asking ahead doubles the time of few rows and, by two steps, halves that of five and more. Two panels by turns
// halve that of one row. The first of every four rounds is disturbed.
double invented_seconds(const TuningTrial& trial, int round) {
  const double rows = trial.rows;
  const bool is_unpacked = rows > trial.choices.direct_rows;
  double seconds = trial.by_tiles ? 17.5 : is_unpacked == (rows > 17) ? rows : 3 * rows;
  if (rows >= trial.choices.fetch_rows) seconds *= rows < 5 ? 2 : trial.choices.fetch_steps == 2 ? 0.5 : 1;
  if (rows == 1 && trial.choices.two_panels) seconds /= 2;
  return round == 0 ? 50 * seconds : seconds;
}

TEST(Tuning, FindsWhereWaysCross) {
  const TiledTable tiled;
  ThreadPool pool(1);
  std::map<std::tuple<std::string_view, uint32_t, uint32_t, uint32_t, uint32_t, uint32_t, bool>, int> rounds;
  const auto timer = [&](const TuningTrial& t, const std::function<void()>& product) {
    const LayoutChoices& c = t.choices;
    const int round = rounds[{t.format, t.rows, c.direct_rows, c.tile_rows, c.fetch_rows, c.fetch_steps, c.two_panels}]++;
    if (t.rows == 1 && round == 0) product();  // it can be run
    return invented_seconds(t, round % 4);
  };
  size_t layouts = 0;
  const auto tuned = tune(tiled.table, pool, {.timer = timer, .weight_bytes = 1, .layout_done = [&](size_t done, size_t total) {
    return layouts = done, total == Layouts::kCount;
  }});
  ASSERT_TRUE(tuned.has_value());
  EXPECT_EQ(layouts, Layouts::kCount);
  for (size_t layout = 0; layout < Layouts::kCount; ++layout) {
    ASSERT_NE(format_of_layout(layout), nullptr);
    EXPECT_EQ((*tuned)[layout], (LayoutChoices{.direct_rows = 16, .tile_rows = 17, .fetch_rows = 5, .fetch_steps = 2, .two_panels = true})) << format_of_layout(layout)->name;
  }
}

TEST(Tuning, KeepsWhatIsNotClearlySlowerAndCanBeEnded) {
  const KernelTable& kernels = *usable_tables().back();
  ThreadPool pool(1);
  const auto even = [](const TuningTrial& t, const std::function<void()>&) { return t.choices.fetch_steps == 1 ? 0.98 : 1.0; };
  const auto tuned = tune(kernels, pool, {.timer = even, .weight_bytes = 1, .layout_done = {}});
  ASSERT_TRUE(tuned.has_value());
  EXPECT_EQ(*tuned, product_choices(kernels));
  const auto ended = tune(kernels, pool, {.timer = even, .weight_bytes = 1, .layout_done = [](size_t, size_t) { return false; }});
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().code, ErrorCode::kCancelled);
}

TEST(Tuning, WeightsAreNoMoreThanMemoryHolds) {
  EXPECT_GT(uncached_bytes(1, 1), 0u);
  EXPECT_LE(uncached_bytes(1, SIZE_MAX), std::min(total_memory_bytes() / 4, uint64_t{2} << 30));
}

class TuningFile : public ::testing::Test {
 protected:
  TuningFile() : folder_(::testing::TempDir() + "hearth-tuning-" + std::to_string(::getpid())) {
    for (size_t i = 0; i < choices_.size(); ++i) choices_[i] = {static_cast<uint32_t>(i), kNever, 5, 2, i % 2 == 1};
  }
  ~TuningFile() override { std::filesystem::remove_all(folder_); }

  void rewrite(std::string_view from, std::string_view to) {
    std::string text = *read_text_file(tuning_file(folder_));
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << text;
    ASSERT_TRUE(write_file(tuning_file(folder_), text.replace(at, from.size(), to)).has_value());
  }

  const std::string folder_;
  const KernelTable &best_ = *usable_tables().front(), &last_ = *usable_tables().back();
  ProductChoices choices_;
};

TEST_F(TuningFile, IsReadAgainAndKeepsOtherInstructionSets) {
  EXPECT_FALSE(load_tuning(folder_, best_));
  EXPECT_FALSE(load_tuning("", best_));
  ASSERT_TRUE(save_tuning(folder_, last_, choices_).has_value());
  if (&best_ != &last_) EXPECT_FALSE(load_tuning(folder_, best_));
  ProductChoices others = choices_;
  others[3].direct_rows = 77;
  ASSERT_TRUE(save_tuning(folder_, best_, others).has_value());
  EXPECT_EQ(load_tuning(folder_, best_), others);
  if (&best_ != &last_) EXPECT_EQ(load_tuning(folder_, last_), choices_);
}

TEST_F(TuningFile, OfAnotherMachineIsNotUsed) {
  ASSERT_TRUE(save_tuning(folder_, best_, choices_).has_value());
  rewrite("\"processor\": \"", "\"processor\": \"Another ");
  EXPECT_FALSE(load_tuning(folder_, best_));
}

TEST_F(TuningFile, DamagedIsNotUsedAndIsReplaced) {
  for (const auto& [from, to] : std::initializer_list<std::pair<std::string_view, std::string_view>>{
           {"{", ""}, {"\"q4_k\"", "\"q4_x\""}, {"\"direct_rows\": 3", "\"direct_rows\": -3"}, {"\"fetch_steps\": 2", "\"fetch_steps\": 2000"},
           {"\"two_panels\": 1", "\"two_panels\": 2"}}) {
    ASSERT_TRUE(save_tuning(folder_, best_, choices_).has_value());
    EXPECT_EQ(load_tuning(folder_, best_), choices_);
    rewrite(from, to);
    EXPECT_FALSE(load_tuning(folder_, best_)) << from;
  }
}

TEST_F(TuningFile, ThatCannotBeWrittenIsAnError) {
  ASSERT_TRUE(write_file(folder_, "a file").has_value());
  const auto saved = save_tuning(folder_, best_, choices_);
  ASSERT_FALSE(saved.has_value());
  EXPECT_EQ(saved.error().code, ErrorCode::kCannotCreate);
}

}  // namespace
}  // namespace hearth::ops::cpu
