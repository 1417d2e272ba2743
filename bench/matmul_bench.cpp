// Matrix products per weight format and instruction set: how much of the machine they use. Decode (few rows) is measured in
// GB/s of packed weights against the read bandwidth found in the same run; prefill (many rows) in GOP/s, two per weight and row.
//   hearth_matmul_bench [--threads N] [--isa NAME] [FORMAT...]
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/cpu_info.h"
#include "base/random.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/dispatch.h"

namespace hearth {
namespace {

constexpr uint32_t kColumns = 1024, kOutputs = 3072;
constexpr size_t kDecodeBytes = size_t{192} << 20;  // far more than any cache

// With one thread, its processor time: neighbours on the same machine disturb it less. With several, the clock on the wall.
bool of_one_thread = false;

double seconds_now() {
  timespec now{};
  ::clock_gettime(of_one_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &now);
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
  const Buffer memory(kDecodeBytes);
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
  Buffer& written = const_cast<Buffer&>(memory);  // pages that were never written all read from one page of zeros
  for (size_t i = 0; i < kDecodeBytes; i += 4096) written.bytes()[i] = std::byte{1};
  const double bytes_per_second = kDecodeBytes / median_seconds(9, [&] { pool.parallel(kDecodeBytes / kChunk, read); });
  if (sums[0] == 42) std::puts("");  // keeps the sums alive
  return bytes_per_second / 1e9;
}

// Random blocks whose weights are ordinary numbers.
std::vector<std::byte> random_blocks(const quant::Format& format, size_t values) {
  Random random(1);
  const size_t blocks = values / format.block_values, distinct = std::min<size_t>(blocks, 4096);
  std::vector<float> decoded(format.block_values);
  std::vector<std::byte> bytes(blocks * format.block_bytes);
  for (size_t b = 0; b < distinct; ++b) {
    std::byte* block = bytes.data() + b * format.block_bytes;
    if (format.block_values == 1 && format.encode != nullptr) {  // random bits would be subnormal too often: those are slow
      const float value = static_cast<float>(random.uniform() - 0.5);
      format.encode({&value, 1}, {}, block);
      continue;
    }
    do {
      for (uint32_t i = 0; i < format.block_bytes; ++i) block[i] = static_cast<std::byte>(random.next());
      format.decode(block, 1, decoded.data());
    } while (!std::all_of(decoded.begin(), decoded.end(), [](float v) { return std::fabs(v) < 8; }));
  }
  for (size_t b = distinct; b < blocks; ++b)
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(b % distinct * format.block_bytes), format.block_bytes,
                bytes.begin() + static_cast<ptrdiff_t>(b * format.block_bytes));
  return bytes;
}

struct Inputs {
  explicit Inputs(uint32_t rows) : x(size_t{rows} * kColumns), out(size_t{rows} * kOutputs), rows(rows) {
    Random random(2);
    for (float& v : x) v = static_cast<float>(random.uniform() - 0.5);
  }
  void multiply(ops::Backend& backend, const ops::Weight& weight) {
    backend.matmul(weight, {x.data(), rows, kColumns, kColumns}, {out.data(), rows, kOutputs, kOutputs}, {});
  }
  std::vector<float> x, out;
  uint32_t rows;
};

void measure(const quant::Format& format, const ops::cpu::KernelTable& table, unsigned threads, double bandwidth) {
  auto backend = ops::cpu::make_backend({.threads = threads, .isa = table.isa});
  const auto bytes = random_blocks(format, size_t{kColumns} * kOutputs);
  const ops::WeightSource source{"bench", &format, bytes, kOutputs, kColumns};
  std::vector<std::unique_ptr<ops::Weight>> weights;
  const double start = seconds_now();
  size_t packed = 0;
  while (packed < kDecodeBytes) {
    weights.push_back(std::move(*(*backend)->pack({&source, 1})));
    packed += weights.back()->bytes;
  }
  const double pack_rate = static_cast<double>(weights.size() * bytes.size()) / (seconds_now() - start) / 1e9;
  std::printf("%-8s %-7s %5.2f bits  pack %4.2f GB/s ", std::string(format.name).c_str(), table.isa,
              8.0 * static_cast<double>(weights[0]->bytes) / (double{kColumns} * kOutputs), pack_rate);
  for (const uint32_t rows : {1u, 4u, 8u}) {
    Inputs inputs(rows);
    const double seconds = median_seconds(5, [&] {
      for (const auto& weight : weights) inputs.multiply(**backend, *weight);
    });
    const double rate = static_cast<double>(packed) / seconds / 1e9;
    std::printf(" %u row%s %5.1f GB/s (%3.0f %%)", rows, rows == 1 ? "" : "s", rate, 100 * rate / bandwidth);
  }
  for (const uint32_t rows : {128u, 512u}) {
    Inputs inputs(rows);
    size_t next = 0;
    const double seconds = median_seconds(9, [&] { inputs.multiply(**backend, *weights[next++ % weights.size()]); });
    std::printf("  %u rows %6.1f GOP/s", rows, 2.0 * rows * kColumns * kOutputs / seconds / 1e9);
  }
  std::puts("");
  std::fflush(stdout);
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
  if (names.empty()) names = {"q4_k", "q6_k", "q4_0", "q8_0", "q5_k", "iq4_xs", "bf16", "f16", "f32"};
  of_one_thread = threads == 1;
  const double bandwidth = read_bandwidth(threads);
  std::printf("%s, %s, %u threads, reads %.1f GB/s; matrices %u x %u\n", cpu_model_name().c_str(),
              cpu_feature_names(cpu_features()).c_str(), threads, bandwidth, kOutputs, kColumns);
  for (const std::string& name : names) {
    const quant::Format* format = quant::find_format(name);
    if (format == nullptr || kColumns % format->block_values != 0) {
      std::fprintf(stderr, "%s is no weight format\n", name.c_str());
      return 2;
    }
    for (const ops::cpu::KernelTable* table : ops::cpu::usable_tables())
      if (isa.empty() || isa == table->isa) measure(*format, *table, threads, bandwidth);
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::run(argc, argv); }
