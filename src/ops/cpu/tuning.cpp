#include "ops/cpu/tuning.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/random.h"
#include "ops/cpu/matmul.h"
#include "ops/cpu/packed_weight.h"
#include "tensor/buffer.h"

namespace hearth::ops::cpu {

namespace {

constexpr uint32_t kColumns = 2048;  // whole blocks of every format
constexpr uint32_t kRowCounts[] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48};
constexpr uint32_t kMostRows = kRowCounts[std::size(kRowCounts) - 1], kNever = UINT32_MAX;
constexpr uint32_t kFetchProbeRows = 8;  // reading and computing take about as long
constexpr int kRounds = 4;
constexpr double kWorthChanging = 0.97;  // of the seconds that the built-in choice takes

// One layout's weights and what is multiplied with them.
class Probe {
 public:
  Probe(const KernelTable& kernels, ThreadPool& pool, const quant::Format& format, const TuningOptions& options)
      : kernels_(kernels), pool_(pool), placement_(place_workers({}, 1)), format_(format), timer_(options.timer) {
    const Packer& packer = packer_of(format);
    WeightSource one_panel{"probe", &format, {}, kPanelRows, kColumns};
    const size_t panel_bytes = packer.panel_bytes(one_panel);
    const auto panels = static_cast<uint32_t>(std::max<size_t>(1, options.weight_bytes / panel_bytes));
    weight_.rows = panels * kPanelRows;
    weight_.columns = kColumns;
    weight_.add({&packer, &format, 0, weight_.rows, panel_bytes, 0, std::make_shared<PackedMemory>(ordinary(panels * panel_bytes))});
    Random random(2);
    x_.resize(size_t{kMostRows} * kColumns);
    for (float& v : x_) v = static_cast<float>(random.uniform() - 0.5);
    out_.resize(size_t{kMostRows} * weight_.rows);
  }

  // Of each way, the seconds of its fastest round.
  std::vector<double> seconds(uint32_t rows, std::span<const LayoutChoices> ways) {
    std::vector<double> least(ways.size(), 1e9);
    for (int round = 0; round < kRounds; ++round)
      for (size_t w = 0; w < ways.size(); ++w) least[w] = std::min(least[w], seconds(rows, ways[w]));
    return least;
  }

 private:
  double seconds(uint32_t rows, const LayoutChoices& way) {
    const size_t layout = packer_of(format_).layout;
    ProductChoices choices{};
    choices[layout] = way;
    Multiplier multiplier({kernels_, pool_, placement_}, choices);
    const Product product{&weight_, 0, rows, {out_.data(), rows, weight_.rows, weight_.rows}};
    const bool by_tiles = has_tile_choice(kernels_, layout) && rows >= way.tile_rows;
    return timer_({format_.name, rows, way, by_tiles},
                  [&] { multiplier.multiply({x_.data(), rows, kColumns, kColumns}, nullptr, {&product, 1}); });
  }

  // Bytes that are ordinary numbers, neither huge nor subnormal, in every type that scales and weights have.
  std::shared_ptr<const std::byte> ordinary(size_t bytes) {
    const auto buffer = std::make_shared<Buffer>(bytes, Buffer::Fill::kNone);
    constexpr size_t kChunk = size_t{1} << 20;
    pool_.parallel((bytes + kChunk - 1) / kChunk, [&](size_t c, unsigned) {
      Random random(c);
      for (size_t i = c * kChunk; i < std::min(bytes, (c + 1) * kChunk); ++i)
        buffer->bytes()[i] = static_cast<std::byte>(0x28 + random.next() % 16);
    });
    return {buffer, buffer->bytes()};
  }

  const KernelTable& kernels_;
  ThreadPool& pool_;
  const Placement placement_;
  const quant::Format& format_;
  const TuningTimer& timer_;
  PackedWeight weight_;
  std::vector<float> x_, out_;
};

// Up to how many rows `few` should be used and `many` for more: seconds by place in kRowCounts. 0: never, kNever: always.
uint32_t last_of_few(std::span<const double> few, std::span<const double> many, uint32_t built_in) {
  const auto cost = [&](uint32_t last) {
    double sum = 0;
    for (size_t i = 0; i < few.size(); ++i) sum += (kRowCounts[i] <= last ? few[i] : many[i]) / std::min(few[i], many[i]);
    return sum;
  };
  uint32_t best = 0;
  for (const uint32_t last : kRowCounts)
    if (cost(last) < cost(best)) best = last;
  if (cost(best) >= kWorthChanging * cost(built_in)) return built_in;
  return best == kMostRows ? kNever : best;
}

// The first row count from which `many` should be used, as a choice has it.
uint32_t first_of_many(std::span<const double> few, std::span<const double> many, uint32_t built_in) {
  const uint32_t last = last_of_few(few, many, built_in == kNever ? kNever : std::max(built_in, 1u) - 1);
  return last == kNever ? kNever : last + 1;
}

LayoutChoices tune_layout(Probe& probe, LayoutChoices choices, bool has_tiles) {
  LayoutChoices fetched = choices;
  fetched.direct_rows = fetched.tile_rows = kNever;
  fetched.fetch_rows = 0;
  fetched.two_panels = false;
  std::vector<LayoutChoices> steps_ahead(4, fetched);  // the built-in one first
  for (uint32_t steps = 1; steps < 4; ++steps) steps_ahead[steps].fetch_steps = steps;
  const auto of_steps = probe.seconds(kFetchProbeRows, steps_ahead);
  const auto fastest = std::ranges::min_element(of_steps);
  if (*fastest < kWorthChanging * of_steps[0]) fetched.fetch_steps = steps_ahead[fastest - of_steps.begin()].fetch_steps;

  LayoutChoices direct = fetched, unpacked = fetched, tiled = fetched;
  direct.fetch_rows = kNever;
  unpacked.direct_rows = 0;
  tiled.tile_rows = 0;
  std::vector<LayoutChoices> ways{direct, fetched, unpacked};
  if (has_tiles) ways.push_back(tiled);
  std::vector<double> of_direct, of_fetched, of_either, of_unpacked, of_plain, of_tiles;
  for (const uint32_t rows : kRowCounts) {
    const auto seconds = probe.seconds(rows, ways);
    of_direct.push_back(seconds[0]);
    of_fetched.push_back(seconds[1]);
    of_either.push_back(std::min(seconds[0], seconds[1]));
    of_unpacked.push_back(seconds[2]);
    of_plain.push_back(std::min(of_either.back(), seconds[2]));
    if (has_tiles) of_tiles.push_back(seconds[3]);
  }
  choices.fetch_steps = fetched.fetch_steps;
  choices.fetch_rows = first_of_many(of_direct, of_fetched, choices.fetch_rows);
  choices.direct_rows = last_of_few(of_either, of_unpacked, choices.direct_rows);
  if (has_tiles) choices.tile_rows = first_of_many(of_plain, of_tiles, choices.tile_rows);
  LayoutChoices other = choices;
  other.two_panels = !choices.two_panels;
  const auto of_one_row = probe.seconds(1, std::vector{choices, other});
  if (of_one_row[1] < kWorthChanging * of_one_row[0]) choices.two_panels = other.two_panels;
  return choices;
}

}  // namespace

double time_product(const TuningTrial&, const std::function<void()>& product) {
  const auto begin = std::chrono::steady_clock::now();
  product();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

bool has_tile_choice(const KernelTable& kernels, size_t layout) {
  const ProductFn* tiles = kernels.products->by_tiles[layout];
  return tiles != nullptr && tiles != kernels.products->of[layout];
}

const quant::Format* format_of_layout(size_t layout) {
  for (const quant::Format& format : quant::formats())
    if (const Packer& packer = packer_of(format); !packer.stored && packer.layout == layout) return &format;
  return nullptr;
}

Result<ProductChoices> tune(const KernelTable& kernels, ThreadPool& pool, const TuningOptions& options) {
  ProductChoices choices = product_choices(kernels);
  for (size_t layout = 0; layout < choices.size(); ++layout) {
    if (const quant::Format* format = format_of_layout(layout)) {
      Probe probe(kernels, pool, *format, options);
      choices[layout] = tune_layout(probe, choices[layout], has_tile_choice(kernels, layout));
    }
    if (options.layout_done && !options.layout_done(layout + 1, choices.size()))
      return fail(ErrorCode::kCancelled, "tuning was interrupted");
  }
  return choices;
}

}  // namespace hearth::ops::cpu
