// How fast weights are packed, per format, beside a copy of the same bytes: read plus written, in GB/s.
//   hearth_pack_bench [--threads N] [FORMAT...]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/cpu_info.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "ops/cpu/packed/code_plane.h"
#include "ops/cpu/packed/packer.h"
#include "ops/weight_source.h"
#include "tensor/buffer.h"

namespace hearth {
namespace {

constexpr uint32_t kColumns = 3072;
constexpr size_t kSourceBytes = size_t{96} << 20, kPanelsAtOnce = 32;

// The best of some runs: neighbours only ever slow a run down.
template <class Call>
double best_seconds(Call call) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

double copy_rate(ThreadPool& pool, std::span<const std::byte> source) {
  Buffer target(source.size());
  constexpr size_t kChunk = 1 << 20;
  const double seconds = best_seconds([&] {
    pool.parallel(source.size() / kChunk,
                  [&](size_t c, unsigned) { std::memcpy(target.bytes() + c * kChunk, source.data() + c * kChunk, kChunk); });
  });
  return 2 * static_cast<double>(source.size()) / seconds / 1e9;
}

void measure(const quant::Format& format, ThreadPool& pool, std::span<const std::byte> random) {
  const size_t row_bytes = kColumns / format.block_values * format.block_bytes;
  const auto rows = static_cast<uint32_t>(random.size() / row_bytes / 16 * 16);
  const ops::WeightSource source{"bench", &format, random.first(rows * row_bytes), rows, kColumns};
  const ops::cpu::Packer& packer = ops::cpu::packer_of(format);
  const size_t panel_bytes = packer.panel_bytes(source), panels = rows / ops::cpu::kPanelRows;
  Buffer target(panels * panel_bytes);
  const double seconds = best_seconds([&] {
    pool.parallel((panels + kPanelsAtOnce - 1) / kPanelsAtOnce, [&](size_t c, unsigned) {
      for (size_t p = c * kPanelsAtOnce; p < std::min(panels, (c + 1) * kPanelsAtOnce); ++p)
        packer.pack_panel(source, static_cast<uint32_t>(p), target.bytes() + p * panel_bytes);
    });
  });
  const double rate = static_cast<double>(source.bytes.size() + target.size()) / seconds / 1e9, copy = copy_rate(pool, source.bytes);
  std::printf("%-8s %5.2f GB/s, %4.1f values/ns, %3.0f %% of a copy (%5.2f GB/s)\n", std::string(format.name).c_str(), rate,
              double{kColumns} * rows / seconds / 1e9, 100 * rate / copy, copy);
}

}  // namespace
}  // namespace hearth

int main(int argc, char** argv) {
  using namespace hearth;
  unsigned threads = granted_cpus();
  std::vector<const quant::Format*> formats;
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--threads" && i + 1 < argc) threads = static_cast<unsigned>(std::atoi(argv[++i]));
    else if (const auto* format = quant::find_format(argv[i])) formats.push_back(format);
    else return std::printf("unknown format %s\n", argv[i]), 2;
  }
  if (formats.empty())
    for (const auto& format : quant::formats()) formats.push_back(&format);
  ThreadPool pool(threads);
  Random random(1);
  std::vector<std::byte> bytes(kSourceBytes);
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    const uint64_t word = random.next();
    std::memcpy(&bytes[i], &word, 8);
  }
  for (const auto* format : formats) measure(*format, pool, bytes);
}
