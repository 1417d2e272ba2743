#pragma once
// What this machine can do at best, now: how fast it reads memory, and how fast its units multiply matrices. Measured in the
// same minute as a model, these say what fraction a model reaches, and fractions travel between machines.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/thread_pool.h"

namespace hearth::ops::cpu {

// A unit as an instruction set offers it (isa/*/rates.cpp). run() makes `rounds` rounds of multiplications of independent
// registers, and returns something of the result.
struct MatrixUnit {
  const char* name;      // "int8 avx512_vnni"
  uint32_t needs;        // bits of CpuFeature
  uint32_t operations;   // in a round; a multiplication and its addition are two
  float (*run)(uint32_t rounds);
};

// Reading at best: several streams, 64 bytes of each in turn, nothing but loads.
constexpr size_t kReadStreams = 8, kStreamBytes = 64 * 2051;  // no power of two: streams do not compete for the same cache sets
struct MemoryReader {
  uint32_t needs;
  uint64_t (*read)(const std::byte* from);  // kReadStreams * kStreamBytes bytes, aligned to 64; returns something of them
};

struct MachineRate {
  double read_bytes_per_second = 0;
  struct Unit {
    std::string_view name;
    double operations_per_second;
  };
  std::vector<Unit> units;  // those of this machine, fastest first
};

// Bytes too many for the caches: `times` the last-level caches that this process's processors read through and not less than `least`;
// but at most 2 GiB and a quarter of the memory that is available.
size_t uncached_bytes(unsigned times, size_t least);

// Uses all threads of the pool for about a second, and memory many times larger than the caches. The best of several passes:
// what the machine gives when nobody else takes from it.
MachineRate measure_machine(ThreadPool& pool);

}  // namespace hearth::ops::cpu
