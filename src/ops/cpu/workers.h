#pragma once
// What every operation of the CPU backend works with: the kernels, the threads, and scratch that grows and stays.
#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "base/thread_pool.h"
#include "base/topology.h"
#include "ops/cpu/kernel_table.h"

namespace hearth::ops::cpu {

// Memory for intermediate numbers: grows to the largest request and stays.
template <class T>
class Scratch {
 public:
  T* at_least(size_t count) {
    const size_t lines = (count * sizeof(T) + sizeof(Line) - 1) / sizeof(Line);
    if (lines_.size() < lines) lines_.resize(lines);
    return reinterpret_cast<T*>(lines_.data());
  }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines_;
};

struct Workers {
  const KernelTable& kernels;
  ThreadPool& pool;
  const Placement& placement;  // of the pool's threads

  // Calls body(first, end), or body(first, end, worker), over [0, rows), on one thread while the work is too small to share.
  template <class Body>
  void rows(size_t rows, size_t values_per_row, Body body) const {
    constexpr size_t kWorthSharing = 32768;  // values: some 5 us of elementwise work, against 1-2 us to fork and join
    const auto call = [&](size_t first, size_t end, unsigned worker) {
      if constexpr (std::is_invocable_v<Body, size_t, size_t, unsigned>) body(first, end, worker);
      else body(first, end);
    };
    if (rows * values_per_row < kWorthSharing) return call(0, rows, 0);
    const size_t chunk = std::max<size_t>(1, rows / (8 * pool.threads()));
    pool.parallel((rows + chunk - 1) / chunk,
                  [&](size_t c, unsigned worker) { call(c * chunk, std::min(rows, (c + 1) * chunk), worker); });
  }
};

inline void norm_row(const KernelTable& kernels, const float* x, float* out, uint32_t columns, const NormOptions& options) {
  HEARTH_CHECK(columns % options.groups == 0, "norm groups divide the row");
  const uint32_t n = columns / options.groups;
  for (size_t g = 0; g < options.groups; ++g) kernels.norm(x + g * n, out + g * n, n, options);
}

}  // namespace hearth::ops::cpu
