#pragma once
// What `hearth bench` found: as a table with a plot for people, as JSON for programs.
#include <array>
#include <string>
#include <vector>

#include "apps/console.h"
#include "ops/cpu/machine_rate.h"
#include "service/benchmark.h"

namespace hearth::apps {

struct BenchReport {
  std::string model, backend;       // names
  std::string processor;
  unsigned threads = 1;
  ops::cpu::MachineRate machine;    // the better of before and after the runs
  double load_seconds = 0;
  bool has_random_depth = false;    // keys and values at a depth were not computed
  std::array<double, 3> load_average = {};  // of the system over 1, 5 and 15 minutes, before the runs
  uint64_t weight_bytes = 0, kv_bytes = 0, predicted_bytes = 0, resident_bytes = 0;
  std::vector<service::BenchmarkRun> runs;
};

std::string report_text(const BenchReport& report, const Console& console);
Json report_json(const BenchReport& report);

}  // namespace hearth::apps
