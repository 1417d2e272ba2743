#include "apps/bench_report.h"

#include <algorithm>
#include <set>

namespace hearth::apps {

namespace {

using service::BenchmarkRun;
using Kind = service::BenchmarkCase::Kind;

std::string rate_text(double tokens_per_second) {
  return fmt::format("{:.{}f}", tokens_per_second, tokens_per_second < 100 ? 1 : 0);
}

// Operations per second as people write them.
std::string operations_text(double rate) { return fmt::format("{:.2f} T", rate / 1e12); }

double fraction(const BenchReport& report, const BenchmarkRun& run) {
  return run.of.kind == Kind::kPrefill ? run.matrix_fraction(report.machine.units[0].operations_per_second)
                                       : run.bandwidth_fraction(report.machine.read_bytes_per_second);
}

std::string head_text(const BenchReport& r, const Console& console) {
  std::string out = console.bold(r.model) + fmt::format(", {}, loaded in {:.2f} s\n", r.backend, r.load_seconds);
  out += fmt::format("{}, load average {:.2f}: reads {:.1f} GB/s, multiplies", r.processor, r.load_average[0],
                     r.machine.read_bytes_per_second / 1e9);
  for (const auto& unit : r.machine.units)
    out += fmt::format("{} {}OP/s {}", &unit == r.machine.units.data() ? "" : ",", operations_text(unit.operations_per_second), unit.name);
  return out + "\n\n";
}

std::string table_text(const BenchReport& report, const Console& console) {
  std::string out = console.dim(fmt::format("{:<9}{:>7}{:>8}{:>7}{:>11}{:>17}  {}", "", "tokens", "depth", "batch", "tokens/s",
                                            "least - most", "of the machine"));
  out += '\n';
  for (const BenchmarkRun& run : report.runs) {
    const bool is_prefill = run.of.kind == Kind::kPrefill;
    out += fmt::format("{:<9}{:>7}{:>8}{:>7}{:>11}{:>17}  {:.0f} % of {}", is_prefill ? "prefill" : "decode", run.of.tokens,
                       run.of.depth, run.of.batch, rate_text(run.median()),
                       fmt::format("{} - {}", rate_text(run.least()), rate_text(run.most())), 100 * fraction(report, run),
                       is_prefill ? report.machine.units[0].name : "bandwidth");
    if (!is_prefill) out += fmt::format(", {} a step", size_text(static_cast<uint64_t>(run.bytes)));
    out += '\n';
  }
  return out;
}

// A bar of a terminal's block characters, in eighths of a character; elsewhere of '#'.
std::string bar(double share, size_t width, const Console& console) {
  if (!console.colours()) return std::string(static_cast<size_t>(share * static_cast<double>(width) + 0.5), '#');
  static constexpr const char* kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths = static_cast<size_t>(share * static_cast<double>(width) * 8 + 0.5);
  std::string out;
  for (size_t i = 0; i < eighths / 8; ++i) out += "█";
  return console.accent(out + kEighths[eighths % 8]);
}

// Runs of one kind against depth or batch: whichever varies, with all else equal to the first run's.
std::string plot_text(const BenchReport& report, Kind kind, uint32_t service::BenchmarkCase::*axis, const char* axis_name,
                      const Console& console) {
  std::vector<const BenchmarkRun*> shown;
  for (const BenchmarkRun& run : report.runs) {
    if (run.of.kind != kind) continue;
    service::BenchmarkCase expected = shown.empty() ? run.of : shown[0]->of;
    expected.*axis = run.of.*axis;
    if (run.of.tokens == expected.tokens && run.of.depth == expected.depth && run.of.batch == expected.batch) shown.push_back(&run);
  }
  if (shown.size() < 2) return "";
  double most = 0;
  for (const BenchmarkRun* run : shown) most = std::max(most, run->median());
  const size_t width = std::min<size_t>(60, console.columns() - 24);
  std::string out = fmt::format("\n{}, tokens/s by {}\n", kind == Kind::kPrefill ? "prefill" : "decode", axis_name);
  for (const BenchmarkRun* run : shown)
    out += fmt::format("{:>8}  {} {}\n", run->of.*axis, bar(run->median() / most, width, console), rate_text(run->median()));
  return out;
}

Json run_json(const BenchReport& report, const BenchmarkRun& run) {
  const bool is_prefill = run.of.kind == Kind::kPrefill;
  Json rates = Json::array();
  for (const double rate : run.rates) rates.push(rate);
  Json out = Json::object({{"kind", is_prefill ? "prefill" : "decode"}, {"tokens", run.of.tokens}, {"depth", run.of.depth},
                           {"batch", run.of.batch}, {"tokens_per_s", run.median()}, {"min", run.least()}, {"max", run.most()},
                           {"repeats", std::move(rates)}, {is_prefill ? "matrix_fraction" : "bandwidth_fraction", fraction(report, run)}});
  if (is_prefill) out.set("products_per_token", run.products);
  else out.set("bytes_per_step", run.bytes);
  return out;
}

}  // namespace

std::string report_text(const BenchReport& report, const Console& console) {
  std::string out = head_text(report, console) + table_text(report, console);
  for (const Kind kind : {Kind::kPrefill, Kind::kDecode}) {
    out += plot_text(report, kind, &service::BenchmarkCase::depth, "depth", console);
    out += plot_text(report, kind, &service::BenchmarkCase::batch, "batch", console);
  }
  if (report.has_random_depth) out += "\nkeys and values at a depth are random numbers\n";
  return out + fmt::format("\nmemory: weights {}, cache {}, predicted {}, resident {}\n", size_text(report.weight_bytes),
                           size_text(report.kv_bytes), size_text(report.predicted_bytes), size_text(report.resident_bytes));
}

Json report_json(const BenchReport& report) {
  Json units = Json::array(), load = Json::array(), runs = Json::array();
  for (const auto& unit : report.machine.units)
    units.push(Json::object({{"name", unit.name}, {"tflop_s", unit.operations_per_second / 1e12}}));
  for (const double average : report.load_average) load.push(average);
  Json out = Json::object(
      {{"model", report.model},
       {"backend", report.backend},
       {"load_seconds", report.load_seconds},
       {"depth_fill", report.has_random_depth ? "random" : "prompt"},
       {"machine", Json::object({{"processor", report.processor}, {"threads", report.threads},
                                 {"read_gb_s", report.machine.read_bytes_per_second / 1e9},
                                 {"matrix_tflop_s", report.machine.units[0].operations_per_second / 1e12},
                                 {"matrix_unit", report.machine.units[0].name}, {"units", std::move(units)},
                                 {"load_average", std::move(load)}})},
       {"memory", Json::object({{"predicted_bytes", report.predicted_bytes}, {"resident_bytes", report.resident_bytes},
                                {"weight_bytes", report.weight_bytes}, {"kv_bytes", report.kv_bytes}})}});
  for (const BenchmarkRun& run : report.runs) {
    const Json entry = run_json(report, run);
    const char* kind = run.of.kind == Kind::kPrefill ? "prefill" : "decode";
    if (!out.has(kind)) out.set(kind, entry);  // the first of its kind; "runs" has all
    runs.push(entry);
  }
  out.set("runs", std::move(runs));
  return out;
}

}  // namespace hearth::apps
