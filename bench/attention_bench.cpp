// Attention per KV type and instruction set: how much of the machine it uses. Decode (one generated token of one sequence) is
// measured in GB/s of keys and values against the read bandwidth found in the same run; prefill (the last 512 tokens of a
// prompt, keys and values of all before them in the cache) in GFLOP/s of visible scores and values against the rate of FMA.
//   hearth_attention_bench [--threads N] [--isa NAME] [TYPE...]
#include <immintrin.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/cpu_info.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/dispatch.h"

namespace hearth {
namespace {

constexpr uint32_t kHeads = 16, kKvHeads = 8, kDim = 128, kPageTokens = 16, kPromptRows = 512;
constexpr size_t kCacheBytes = size_t{256} << 20;  // at least: far more than any cache of the processor

double seconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// The median time of `repeats` calls, after one for warmth.
template <class Call>
double median_seconds(int repeats, Call call) {
  call();
  std::vector<double> times;
  for (int i = 0; i < repeats; ++i) {
    const double start = seconds_now();
    call();
    times.push_back(seconds_now() - start);
  }
  std::nth_element(times.begin(), times.begin() + repeats / 2, times.end());
  return times[repeats / 2];
}

double read_bandwidth(unsigned threads) {
  Buffer memory(kCacheBytes);
  for (size_t i = 0; i < kCacheBytes; i += 4096) memory.bytes()[i] = std::byte{1};  // unwritten pages share one of zeros
  ThreadPool pool(threads);
  std::vector<uint64_t> sums(threads * 8);
  constexpr size_t kChunk = 1 << 20;
  const auto read = [&](size_t c, unsigned worker) {
    const auto* words = memory.as<uint64_t>() + c * kChunk / 8;
    uint64_t lanes[8] = {};
    for (size_t i = 0; i < kChunk / 8; i += 8)
      for (size_t k = 0; k < 8; ++k) lanes[k] += words[i + k];
    for (uint64_t lane : lanes) sums[worker * 8] += lane;
  };
  const double seconds = median_seconds(9, [&] { pool.parallel(kCacheBytes / kChunk, read); });
  if (sums[0] == 42) std::puts("");  // keeps the sums alive
  return static_cast<double>(kCacheBytes) / seconds / 1e9;
}

// Multiply-adds of registers, enough of them under way to hide their latency. Returns floating-point operations.
constexpr int kRounds = 1 << 18;
#if defined(__x86_64__)
__attribute__((target("avx512f"))) double multiply_512(float* out) {
  __m512 sums[16], x = _mm512_set1_ps(0.999f);
  for (auto& sum : sums) sum = _mm512_set1_ps(1);
  for (int i = 0; i < kRounds; ++i)
#pragma GCC unroll 16
    for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, x, x);
  for (auto& sum : sums) *out += _mm512_cvtss_f32(sum);
  return 2.0 * 16 * 16 * kRounds;
}
__attribute__((target("avx2,fma"))) double multiply_256(float* out) {
  __m256 sums[12], x = _mm256_set1_ps(0.999f);
  for (auto& sum : sums) sum = _mm256_set1_ps(1);
  for (int i = 0; i < kRounds; ++i)
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm256_fmadd_ps(sum, x, x);
  for (auto& sum : sums) *out += _mm256_cvtss_f32(sum);
  return 2.0 * 8 * 12 * kRounds;
}
#endif
double multiply_plain(float* out) {
  float sums[32], x = 0.999f;
  std::fill_n(sums, 32, 1.0f);
  for (int i = 0; i < kRounds; ++i)
    for (float& sum : sums) sum = sum * x + x;
  for (float sum : sums) *out += sum;
  return 2.0 * 32 * kRounds;
}

// GFLOP/s of f32 multiply-adds on all threads.
double multiply_rate(const ops::cpu::KernelTable& table, unsigned threads) {
  const auto run = [&](float* out) {
#if defined(__x86_64__)
    if (table.needs & kCpuAvx512) return multiply_512(out);
    if (table.needs & kCpuAvx2) return multiply_256(out);
#endif
    return multiply_plain(out);
  };
  ThreadPool pool(threads);
  std::vector<float> sums(threads * 16);
  double operations = 0;
  const double seconds = median_seconds(5, [&] {
    pool.parallel(4 * threads, [&](size_t chunk, unsigned worker) {
      const double one = run(&sums[worker * 16]);
      if (chunk == 0) operations = one * 4 * threads;
    });
  });
  if (sums[0] == 42) std::puts("");
  return operations / seconds / 1e9;
}

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

struct Limits {
  double bandwidth, multiply_rate;  // GB/s, GFLOP/s
};

void measure_decode(FilledCache& cache, uint32_t depth, double bandwidth) {
  const double seconds = median_seconds(9, [&] {
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
  const double seconds = median_seconds(5, [&] { cache.attend(next++ % cache.layers(), kPromptRows, 0); });
  const double rate = operations / seconds / 1e9;
  std::printf("  prefill to %5u: %5.1f GFLOP/s (%3.0f %%)", depth, rate, 100 * rate / multiply_rate);
  std::fflush(stdout);
}

void measure(std::string_view name, ops::KvType type, const ops::cpu::KernelTable& table, unsigned threads, const Limits& limits) {
  auto backend = ops::cpu::make_backend({.threads = threads, .isa = table.isa});
  std::printf("%-8s %-7s", std::string(name).c_str(), table.isa);
  for (const uint32_t depth : {512u, 4096u, 8192u, 32768u}) {
    FilledCache cache(**backend, type, depth);
    if (depth >= 8192) measure_decode(cache, depth, limits.bandwidth);
    if (depth <= 8192) measure_prefill(cache, depth, limits.multiply_rate);
  }
  std::puts("");
}

int run(int argc, char** argv) {
  unsigned threads = granted_cpus();
  std::string isa;
  std::vector<std::string> names;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--threads" && i + 1 < argc) threads = static_cast<unsigned>(std::max(1, std::atoi(argv[++i])));
    else if (argument == "--isa" && i + 1 < argc) isa = argv[++i];
    else names.push_back(argument);
  }
  if (names.empty()) names = {"f16", "q8_0"};
  double load[1] = {};
  ::getloadavg(load, 1);
  std::printf("%s, %s, %u threads, load %.1f; %u heads, %u kv heads of %u values\n", cpu_model_name().c_str(),
              cpu_feature_names(cpu_features()).c_str(), threads, load[0], kHeads, kKvHeads, kDim);
  for (const ops::cpu::KernelTable* table : ops::cpu::usable_tables()) {
    if (!isa.empty() && isa != table->isa) continue;
    for (const std::string& name : names) {
      const auto type = ops::find_kv_type(name);
      if (!type) {
        std::fprintf(stderr, "%s\n", type.error().message.c_str());
        return 2;
      }
      const Limits limits{read_bandwidth(threads), multiply_rate(*table, threads)};
      std::printf("reads %.1f GB/s, multiplies %.1f GFLOP/s\n", limits.bandwidth, limits.multiply_rate);
      measure(name, *type, *table, threads, limits);
    }
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::run(argc, argv); }
