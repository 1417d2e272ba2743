// Attention per KV type and instruction set: how much of the machine it uses. Decode (one generated token of one sequence) is
// measured in GB/s of keys and values against the read bandwidth found in the same run; prefill (the last 512 tokens of a
// prompt, keys and values of all before them in the cache) in GFLOP/s of visible scores and values against the fastest rate of f32.
//   hearth_attention_bench [--threads N] [--isa NAME] [TYPE...]
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "base/random.h"
#include "common.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/dispatch.h"

namespace hearth {
namespace {

constexpr uint32_t kHeads = 16, kKvHeads = 8, kDim = 128, kPageTokens = 16, kPromptRows = 512;
constexpr size_t kCacheBytes = size_t{256} << 20;  // at least: far more than any cache of the processor

// A cache of several layers with random keys and values of one sequence, in pages that hold all layers.
class FilledCache {
 public:
  FilledCache(ops::Backend& backend, ops::KvType type, uint32_t tokens) : backend_(backend), tokens_(tokens) {
    ops::KvLayer layer{.page_tokens = kPageTokens, .kv_heads = kKvHeads, .k_dim = kDim, .v_dim = kDim, .k_type = type, .v_type = type};
    const size_t layer_bytes = layer.bytes_per_page(), pages = (tokens + kPageTokens - 1) / kPageTokens;
    const size_t layers = kCacheBytes / (layer_bytes * pages) + 1;
    layer.page_stride = layers * layer_bytes;
    memory_ = Buffer(layer.page_stride * pages);
    for (uint32_t page = 0; page < pages; ++page) pages_.push_back(page);
    q_ = random_values(size_t{kPromptRows} * kHeads * kDim);
    out_.resize(q_.size());
    const std::vector<float> k = random_values(size_t{kPromptRows} * kKvHeads * kDim), v = random_values(k.size());
    for (size_t i = 0; i < layers; ++i) {
      layer.first_page = memory_.bytes() + i * layer_bytes;
      layers_.push_back(layer);
      for (uint32_t past = 0; past < tokens; past += kPromptRows)
        step(past, kPromptRows, 0, [&](const ops::Step& step) {
          constexpr uint32_t kWidth = kKvHeads * kDim;
          backend_.kv_append({k.data(), kPromptRows, kWidth, kWidth}, {v.data(), kPromptRows, kWidth, kWidth}, layer, step);
        });
    }
  }

  size_t layers() const { return layers_.size(); }
  size_t layer_bytes() const { return layers_[0].bytes_per_page() * pages_.size(); }

  void attend(size_t layer, uint32_t rows, uint32_t generated) {
    step(tokens_ - rows, rows, generated, [&](const ops::Step& step) {
      constexpr uint32_t kWidth = kHeads * kDim;
      backend_.attention({q_.data(), rows, kWidth, kWidth}, layers_[layer], step, {out_.data(), rows, kWidth, kWidth},
                         {.heads = kHeads, .scale = 1 / std::sqrt(float{kDim})});
    });
  }

 private:
  static std::vector<float> random_values(size_t count) {
    Random random(count);
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(2 * random.uniform() - 1);
    return values;
  }
  template <class Run>
  void step(uint32_t past, uint32_t rows, uint32_t generated, Run run) {
    const std::array<std::span<const uint32_t>, 1> groups = {pages_};
    const ops::SequenceRows sequence{.rows = rows, .past = past, .pages = groups};
    const std::vector<int32_t> ids(rows);
    run(ops::Step{.tokens = ids, .sequences = {&sequence, 1}, .generated_rows = generated});
  }

  ops::Backend& backend_;
  uint32_t tokens_;
  Buffer memory_;
  std::vector<uint32_t> pages_;
  std::vector<ops::KvLayer> layers_;
  std::vector<float> q_, out_;
};

void measure_decode(FilledCache& cache, uint32_t depth, double bandwidth) {
  const double seconds = bench::median_seconds([&] {
    for (size_t layer = 0; layer < cache.layers(); ++layer) cache.attend(layer, 1, 1);
  });
  const double rate = static_cast<double>(cache.layers() * cache.layer_bytes()) / seconds / 1e9;
  std::printf("  decode at %5u: %5.1f GB/s (%3.0f %%)", depth, rate, 100 * rate / bandwidth);
  std::fflush(stdout);
}

void measure_prefill(FilledCache& cache, uint32_t depth, double multiply_rate) {
  const double visible = double{kPromptRows} * (depth - kPromptRows) + kPromptRows * (kPromptRows + 1) / 2.0;
  const double operations = 4.0 * kDim * kHeads * visible;
  size_t next = 0;
  const double seconds = bench::median_seconds([&] { cache.attend(next++ % cache.layers(), kPromptRows, 0); });
  const double rate = operations / seconds / 1e9;
  std::printf("  prefill to %5u: %5.1f GFLOP/s (%3.0f %%)", depth, rate, 100 * rate / multiply_rate);
  std::fflush(stdout);
}

void measure(std::string_view name, ops::KvType type, const ops::cpu::KernelTable& table, unsigned threads, const ops::cpu::MachineRate& limits) {
  auto backend = ops::cpu::make_backend({.threads = threads, .isa = table.isa});
  std::printf("%-8s %-7s", std::string(name).c_str(), table.isa);
  for (const uint32_t depth : {512u, 4096u, 8192u, 32768u}) {
    FilledCache cache(**backend, type, depth);
    if (depth >= 8192) measure_decode(cache, depth, limits.read_bytes_per_second / 1e9);
    if (depth <= 8192) measure_prefill(cache, depth, bench::rate_of(limits, "f32") / 1e9);
  }
  std::puts("");
}

int run(int argc, char** argv) {
  const bench::Arguments arguments(argc, argv, {"f16", "q8_0"});
  std::printf("%u heads, %u kv heads of %u values\n", kHeads, kKvHeads, kDim);
  const ops::cpu::MachineRate limits = bench::measure_limits(arguments.threads);
  for (const ops::cpu::KernelTable* table : ops::cpu::usable_tables()) {
    if (!arguments.isa.empty() && arguments.isa != table->isa) continue;
    for (const std::string& name : arguments.names) {
      const auto type = ops::find_kv_type(name);
      if (!type) {
        std::fprintf(stderr, "%s\n", type.error().message.c_str());
        return 2;
      }
      measure(name, *type, *table, arguments.threads, limits);
    }
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::run(argc, argv); }
