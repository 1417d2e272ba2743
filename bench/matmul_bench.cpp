// Matrix products per weight format and instruction set: how much of the machine they use. Few rows are measured in GB/s of packed
// weights against the read bandwidth, many rows in GOP/s (two per weight and row) against the peak of the instruction that does
// the work; both limits are measured in the same run.
//   hearth_matmul_bench [--threads N] [--isa NAME] [FORMAT...]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "base/random.h"
#include "common.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/packed/packer.h"

namespace hearth {
namespace {

constexpr uint32_t kColumns = 2048, kOutputs = 12288;  // large enough for huge pages, as a model's weights are together
constexpr size_t kDecodeBytes = size_t{192} << 20;  // far more than any cache

// Random blocks whose weights are ordinary numbers: encoded where there is an encoder, for random bits are too often subnormal scales
// (MXFP4) or values, which are slow.
std::vector<std::byte> random_blocks(const quant::Format& format, size_t values) {
  Random random(1);
  const size_t blocks = values / format.block_values, distinct = std::min<size_t>(blocks, 4096);
  std::vector<float> weights(format.block_values);
  std::vector<std::byte> bytes(blocks * format.block_bytes);
  for (size_t b = 0; b < distinct; ++b) {
    std::byte* block = bytes.data() + b * format.block_bytes;
    if (format.encode != nullptr) {
      for (float& v : weights) v = static_cast<float>(random.uniform() - 0.5);
      format.encode(weights, {}, block);
      continue;
    }
    do {
      for (uint32_t i = 0; i < format.block_bytes; ++i) block[i] = static_cast<std::byte>(random.next());
      format.decode(block, 1, weights.data());
    } while (!std::all_of(weights.begin(), weights.end(), [](float v) { return std::fabs(v) < 8; }));
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

// Of the fastest unit for the kind of numbers that the format's products multiply.
double peak_of(const quant::Format& format, const ops::cpu::KernelTable& table, const ops::cpu::MachineRate& limits) {
  const ops::cpu::Packer& packer = ops::cpu::packer_of(format);
  const bool bf16 = packer.bf16 && table.products->round_bf16 != nullptr;
  const std::string_view kind = packer.activation_group != 0 ? "int8" : bf16 ? "bf16" : "f32";
  return bench::rate_of(limits, kind);
}

void measure(const quant::Format& format, const ops::cpu::KernelTable& table, unsigned threads, const ops::cpu::MachineRate& limits) {
  auto backend = ops::cpu::make_backend({.threads = threads, .isa = table.isa});
  const auto bytes = random_blocks(format, size_t{kColumns} * kOutputs);
  const ops::WeightSource source{"bench", &format, bytes, kOutputs, kColumns};
  std::vector<std::unique_ptr<ops::Weight>> weights;
  size_t packed = 0;
  while (packed < kDecodeBytes) {
    weights.push_back(std::move(*(*backend)->pack({&source, 1})));
    packed += weights.back()->bytes;
  }
  std::printf("%-8s %-11s %5.2f bits ", std::string(format.name).c_str(), table.isa,
              8.0 * static_cast<double>(weights[0]->bytes) / (double{kColumns} * kOutputs));
  for (const uint32_t rows : {1u, 2u, 4u, 8u}) {
    Inputs inputs(rows);
    const double seconds = bench::median_seconds([&] {
      for (const auto& weight : weights) inputs.multiply(**backend, *weight);
    });
    const double rate = static_cast<double>(packed) / seconds;
    std::printf("%s%u: %5.1f GB/s %3.0f %%", rows == 1 ? " rows " : "  ", rows, rate / 1e9, 100 * rate / limits.read_bytes_per_second);
  }
  const double peak = peak_of(format, table, limits);
  for (const uint32_t rows : {8u, 16u, 64u, 512u}) {
    Inputs inputs(rows);
    size_t next = 0;
    const double seconds = bench::median_seconds([&] { inputs.multiply(**backend, *weights[next++ % weights.size()]); });
    const double rate = 2.0 * rows * kColumns * kOutputs / seconds;
    std::printf("  %u: %4.0f GOP/s %3.0f %%", rows, rate / 1e9, 100 * rate / peak);
  }
  std::puts("");
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  const bench::Arguments arguments(argc, argv, {"q4_k", "q6_k", "q4_0", "q8_0", "q5_k", "iq4_xs", "bf16", "f16", "f32"});
  std::printf("matrices %u x %u\n", kOutputs, kColumns);
  const ops::cpu::MachineRate limits = bench::measure_limits(arguments.threads);
  for (const std::string& name : arguments.names) {
    const quant::Format* format = quant::find_format(name);
    if (format == nullptr || kColumns % format->block_values != 0) {
      std::fprintf(stderr, "%s is no weight format\n", name.c_str());
      return 2;
    }
    for (const ops::cpu::KernelTable* table : ops::cpu::usable_tables())
      if (arguments.isa.empty() || arguments.isa == table->isa) measure(*format, *table, arguments.threads, limits);
  }
  return 0;
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) { return hearth::run(argc, argv); }
