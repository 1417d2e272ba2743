#pragma once
// What the benchmarks of kernels share: their command line, the time of a call, and the machine's limits of the same run.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_info.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/machine_rate.h"

namespace hearth::bench {

// [--threads N] [--isa NAME] [NAME...]
struct Arguments {
  Arguments(int argc, char** argv, std::vector<std::string> without_names) {
    for (int i = 1; i < argc; ++i) {
      const std::string argument = argv[i];
      if (argument == "--threads" && i + 1 < argc) threads = static_cast<unsigned>(std::max(1, std::atoi(argv[++i])));
      else if (argument == "--isa" && i + 1 < argc) isa = argv[++i];
      else names.push_back(argument);
    }
    if (names.empty()) names = std::move(without_names);
    const auto is_named = [&](const ops::cpu::KernelTable* table) { return table->isa == isa; };
    if (!isa.empty() && !std::ranges::any_of(ops::cpu::usable_tables(), is_named)) {
      std::fprintf(stderr, "%s is no instruction set of this machine\n", isa.c_str());
      std::exit(2);
    }
  }

  unsigned threads = granted_cpus();
  std::string isa;  // "": all
  std::vector<std::string> names;
};

template <class Call>
double seconds_of(Call call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The median time of at most nine calls, after one for warmth; of fewer if they take long.
template <class Call>
double median_seconds(Call call) {
  call();
  std::vector<double> times;
  for (double total = 0; times.size() < 9 && total < 1; total += times.back()) times.push_back(seconds_of(call));
  std::ranges::sort(times);
  return times[times.size() / 2];
}

// The best of some calls: neighbours only ever slow one down.
template <class Call>
double best_seconds(Call call) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) best = std::min(best, seconds_of(call));
  return best;
}

// Measures the machine and prints what it found.
inline ops::cpu::MachineRate measure_limits(unsigned threads) {
  ThreadPool pool(threads);
  const ops::cpu::MachineRate limits = ops::cpu::measure_machine(pool);
  double load[1] = {};
  ::getloadavg(load, 1);
  std::printf("%s, %s, %u threads, load %.1f\nreads %.1f GB/s", cpu_model_name().c_str(), cpu_feature_names(cpu_features()).c_str(),
              threads, load[0], limits.read_bytes_per_second / 1e9);
  for (const auto& unit : limits.units) std::printf("; %s %.0f GOP/s", std::string(unit.name).c_str(), unit.operations_per_second / 1e9);
  std::puts("");
  return limits;
}

// Operations per second of the fastest unit for a kind of numbers: "int8", "bf16", "f32".
inline double rate_of(const ops::cpu::MachineRate& limits, std::string_view kind) {
  for (const auto& unit : limits.units)
    if (unit.name.starts_with(kind)) return unit.operations_per_second;
  return limits.units.front().operations_per_second;
}

}  // namespace hearth::bench
