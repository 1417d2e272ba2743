// How fast weights are packed, per format, beside a copy of the same bytes: read plus written, in GB/s.
//   hearth_pack_bench [--threads N] [FORMAT...]
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/thread_pool.h"
#include "common.h"
#include "ops/cpu/packed/code_plane.h"
#include "ops/cpu/packed/packer.h"
#include "ops/weight_source.h"
#include "tensor/buffer.h"

namespace hearth {
namespace {

constexpr uint32_t kColumns = 3072;
constexpr size_t kSourceBytes = size_t{96} << 20, kPanelsAtOnce = 32;

double copy_rate(ThreadPool& pool, std::span<const std::byte> source) {
  Buffer target(source.size());
  constexpr size_t kChunk = 1 << 20;
  const double seconds = bench::best_seconds([&] {
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
  const double seconds = bench::best_seconds([&] {
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
  const bench::Arguments arguments(argc, argv, {});
  std::vector<const quant::Format*> formats;
  for (const std::string& name : arguments.names) {
    formats.push_back(quant::find_format(name));
    if (formats.back() == nullptr) return std::printf("unknown format %s\n", name.c_str()), 2;
  }
  if (formats.empty())
    for (const auto& format : quant::formats()) formats.push_back(&format);
  ThreadPool pool(arguments.threads);
  Random random(1);
  std::vector<std::byte> bytes(kSourceBytes);
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    const uint64_t word = random.next();
    std::memcpy(&bytes[i], &word, 8);
  }
  for (const auto* format : formats) measure(*format, pool, bytes);
}
