#include "base/cpu_info.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/cgroup.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hearth {

namespace {

#if defined(__x86_64__)

uint64_t enabled_state() {  // XCR0: which register files the operating system saves
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

bool amx_permitted() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return ::syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

CpuMaker probe_maker() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(0, &a, &b, &c, &d)) return CpuMaker::kOther;
  if (b == signature_AMD_ebx && c == signature_AMD_ecx) return CpuMaker::kAmd;
  if (b == signature_INTEL_ebx && c == signature_INTEL_ecx) return CpuMaker::kIntel;
  return CpuMaker::kOther;
}

uint32_t probe() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const bool osxsave = c >> 27 & 1, fma = c >> 12 & 1, f16c = c >> 29 & 1;
  if (!osxsave) return 0;
  const uint64_t state = enabled_state();
  const bool ymm = (state & 0x6) == 0x6, zmm = (state & 0xE6) == 0xE6, tiles = (state >> 17 & 3) == 3;
  unsigned a7 = 0, b7 = 0, c7 = 0, d7 = 0, a71 = 0, b71 = 0, c71 = 0, d71 = 0;
  if (!__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7)) return 0;
  if (a7 >= 1) __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71);
  uint32_t found = 0;
  if (ymm && fma && f16c && (b7 >> 5 & 1)) found |= kCpuAvx2;
  if ((found & kCpuAvx2) && (a71 >> 4 & 1)) found |= kCpuAvxVnni;
  const bool foundation = (b7 >> 16 & 1) && (b7 >> 17 & 1) && (b7 >> 30 & 1) && (b7 >> 31 & 1);
  if ((found & kCpuAvx2) && zmm && foundation) found |= kCpuAvx512;
  if ((found & kCpuAvx512) && (c7 >> 11 & 1)) found |= kCpuAvx512Vnni;
  if ((found & kCpuAvx512) && (a71 >> 5 & 1)) found |= kCpuAvx512Bf16;
  if ((found & kCpuAvx512) && tiles && (d7 >> 24 & 1) && amx_permitted()) {
    if (d7 >> 25 & 1) found |= kCpuAmxInt8;
    if (d7 >> 22 & 1) found |= kCpuAmxBf16;
  }
  return found;
}

bool probe_amx() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 24 & 1) && (d >> 25 & 1);
}

#else

uint32_t probe() { return 0; }
bool probe_amx() { return false; }
CpuMaker probe_maker() { return CpuMaker::kOther; }

#endif

}  // namespace

uint32_t cpu_features() {
  static const uint32_t features = probe();
  return features;
}

CpuMaker cpu_maker() {
  static const CpuMaker maker = probe_maker();
  return maker;
}

bool amx_refused() { return probe_amx() && (cpu_features() & kCpuAmxInt8) == 0; }

std::string cpu_feature_names(uint32_t features) {
  static constexpr std::pair<uint32_t, const char*> kNames[] = {
      {kCpuAvx2, "avx2"},         {kCpuAvxVnni, "avx_vnni"},        {kCpuAvx512, "avx512"},   {kCpuAvx512Vnni, "avx512_vnni"},
      {kCpuAvx512Bf16, "avx512_bf16"}, {kCpuAmxInt8, "amx_int8"}, {kCpuAmxBf16, "amx_bf16"},
  };
  std::string out;
  for (const auto& [bit, name] : kNames)
    if (features & bit) out += (out.empty() ? "" : " ") + std::string(name);
  return out.empty() ? "baseline" : out;
}

std::string cpu_model_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.size(), line.find(':') + 2));
  return "unknown processor";
}

std::vector<unsigned> allowed_cpus() {
  std::vector<unsigned> allowed;
  for (size_t sets = 1; sets <= 64 && allowed.empty(); sets *= 2) {  // a mask smaller than the kernel's is refused
    std::vector<cpu_set_t> mask(sets);
    const size_t bytes = sets * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, mask.data()) != 0) continue;
    for (unsigned cpu = 0; cpu < 8 * bytes; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, mask.data())) allowed.push_back(cpu);
  }
  return allowed;
}

unsigned granted_cpus() {
  auto granted = static_cast<unsigned>(allowed_cpus().size());
  if (const auto quota = cgroup_limits().cpus) granted = std::min(granted, static_cast<unsigned>(*quota));
  return std::max(1u, granted);
}

uint64_t total_memory_bytes() {
  const auto physical = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE));
  return std::min(physical, cgroup_limits().memory_bytes.value_or(physical));
}

uint64_t available_memory_bytes() {
  uint64_t available = total_memory_bytes();
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;)
    if (uint64_t kilobytes = 0; word == "MemAvailable:" && file >> kilobytes) available = std::min(available, kilobytes * 1024);
  return std::min(available, cgroup_limits().memory_left_bytes.value_or(available));
}

uint64_t resident_memory_bytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<uint64_t>(::sysconf(_SC_PAGE_SIZE));
}

uint64_t peak_memory_bytes() {
  struct rusage usage {};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace hearth
