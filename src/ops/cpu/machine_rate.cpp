#include "ops/cpu/machine_rate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <span>

#include "base/cpu_info.h"
#include "tensor/buffer.h"

namespace hearth::ops::cpu {

extern const MatrixUnit kScalarUnits[1];
extern const MemoryReader kScalarReader;
#if defined(__x86_64__)
extern const MatrixUnit kAvx2Units[3], kAvx512Units[3], kAmxUnits[2];
extern const MemoryReader kAvx2Reader, kAvx512Reader;
static constexpr std::span<const MatrixUnit> kUnits[] = {kAmxUnits, kAvx512Units, kAvx2Units, kScalarUnits};
static constexpr const MemoryReader* kReaders[] = {&kAvx512Reader, &kAvx2Reader, &kScalarReader};  // best first
#else
static constexpr std::span<const MatrixUnit> kUnits[] = {kScalarUnits};
static constexpr const MemoryReader* kReaders[] = {&kScalarReader};
#endif

namespace {

constexpr int kPasses = 5;

// Seconds of the fastest of kPasses calls.
template <class Call>
double best_seconds(Call call) {
  double best = 1e9;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return best;
}

// The last-level cache that one processor reads through; each thread may have one of its own.
size_t last_cache_bytes() {
  std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index3/size");  // "32768K"
  size_t kibibytes = 0;
  return file >> kibibytes ? kibibytes << 10 : size_t{32} << 20;
}

double measure_read(ThreadPool& pool) {
  constexpr size_t kChunk = kReadStreams * kStreamBytes;
  const size_t bytes = std::clamp<size_t>(4 * last_cache_bytes() * pool.threads(), size_t{256} << 20, size_t{2} << 30);
  const size_t chunks = bytes / kChunk;
  Buffer memory(chunks * kChunk);
  pool.parallel(chunks, [&](size_t c, unsigned) {  // untouched pages would all be read from one page of zeros
    for (size_t i = 0; i < kChunk; i += 4096) memory.bytes()[c * kChunk + i] = std::byte{1};
  });
  const auto reader = std::ranges::find_if(kReaders, [](const MemoryReader* r) { return has_cpu_features(r->needs); });
  std::atomic<uint64_t> sum{0};  // keeps the reads from being left out
  const double seconds = best_seconds([&] {
    pool.parallel(chunks, [&](size_t c, unsigned) { sum.fetch_add((*reader)->read(memory.bytes() + c * kChunk), std::memory_order_relaxed); });
  });
  return static_cast<double>(memory.size()) / seconds;
}

double measure_unit(ThreadPool& pool, const MatrixUnit& unit) {
  std::atomic<float> sum{0};
  uint32_t rounds = 1000;
  const auto run = [&] { pool.parallel(size_t{8} * pool.threads(), [&](size_t, unsigned) { sum.fetch_add(unit.run(rounds)); }); };
  const double first = best_seconds(run);
  rounds = static_cast<uint32_t>(std::clamp(rounds * 0.005 / first, 1000.0, 1e7));  // passes of about five milliseconds
  return static_cast<double>(unit.operations) * rounds * 8 * pool.threads() / best_seconds(run);
}

}  // namespace

MachineRate measure_machine(ThreadPool& pool) {
  MachineRate rate{.read_bytes_per_second = measure_read(pool), .units = {}};
  for (const auto units : kUnits)
    for (const MatrixUnit& unit : units)
      if (has_cpu_features(unit.needs)) rate.units.push_back({unit.name, measure_unit(pool, unit)});
  std::ranges::sort(rate.units, std::ranges::greater{}, &MachineRate::Unit::operations_per_second);
  return rate;
}

}  // namespace hearth::ops::cpu
