#pragma once
// What this process may use of the machine: instruction sets (as the operating system permits them) and processors.
#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

enum CpuFeature : uint32_t {
  kCpuAvx2 = 1u << 0,          // AVX2 with FMA and F16C
  kCpuAvxVnni = 1u << 1,
  kCpuAvx512 = 1u << 2,        // F, BW, VL, DQ
  kCpuAvx512Vnni = 1u << 3,
  kCpuAvx512Bf16 = 1u << 4,
  kCpuAmxInt8 = 1u << 5,       // with the kernel's permission for tile state obtained
  kCpuAmxBf16 = 1u << 6,
};

// Bits of CpuFeature, probed once. AMX bits appear only if the operating system granted tile state to this process.
uint32_t cpu_features();
inline bool has_cpu_features(uint32_t needed) { return (needed & ~cpu_features()) == 0; }
bool amx_refused();  // the processor has AMX and the operating system does not let this process use it
std::string cpu_feature_names(uint32_t features);  // "avx2 avx512 avx512_vnni"
enum class CpuMaker : uint8_t { kOther, kAmd, kIntel };
CpuMaker cpu_maker();
std::string cpu_model_name();

// The processors of the affinity mask, ascending.
std::vector<unsigned> allowed_cpus();

// Processors granted: the affinity mask bounded by the cgroup quota, at least 1.
unsigned granted_cpus();

uint64_t total_memory_bytes();     // of the machine, bounded by the cgroup limit
uint64_t available_memory_bytes();  // that this process may still take without swapping, now
uint64_t resident_memory_bytes();  // of this process, now
uint64_t peak_memory_bytes();      // of this process, so far

}  // namespace hearth
