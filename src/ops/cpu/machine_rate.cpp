#include "ops/cpu/machine_rate.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <span>
#include <string>

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

// All last-level caches that this process's processors read through; 0 where the system does not tell.
size_t last_cache_bytes() {
  std::map<std::string, size_t> kibibytes;  // by the processors that share a cache
  for (const unsigned cpu : allowed_cpus()) {
    const std::string folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache/index3/";
    std::ifstream list(folder + "shared_cpu_list"), size(folder + "size");  // "0-7", "32768K"
    if (std::string sharers; list >> sharers) size >> kibibytes[sharers];
  }
  size_t sum = 0;
  for (const auto& [sharers, size] : kibibytes) sum += size << 10;
  return sum;
}

double measure_read(ThreadPool& pool) {
  constexpr size_t kChunk = kReadStreams * kStreamBytes;
  const size_t chunks = std::max<size_t>(1, uncached_bytes(4, size_t{256} << 20) / kChunk);
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

size_t uncached_bytes(unsigned times, size_t least) {
  return std::min<uint64_t>({std::max(times * last_cache_bytes(), least), size_t{2} << 30, available_memory_bytes() / 4});
}

MachineRate measure_machine(ThreadPool& pool) {
  MachineRate rate{.read_bytes_per_second = measure_read(pool), .units = {}};
  for (const auto units : kUnits)
    for (const MatrixUnit& unit : units)
      if (has_cpu_features(unit.needs)) rate.units.push_back({unit.name, measure_unit(pool, unit)});
  std::ranges::sort(rate.units, std::ranges::greater{}, &MachineRate::Unit::operations_per_second);
  return rate;
}

}  // namespace hearth::ops::cpu
