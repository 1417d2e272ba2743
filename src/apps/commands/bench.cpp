// hearth bench: how fast a model runs here, beside what the machine could do.
#include <cstdlib>

#include <algorithm>
#include <charconv>

#include "apps/bench_report.h"
#include "apps/bench_tuning.h"
#include "apps/command.h"
#include "apps/interrupt.h"
#include "apps/model_loading.h"
#include "apps/tracing.h"
#include "base/cpu_info.h"
#include "service/memory_plan.h"

namespace hearth::apps {

namespace {

using service::BenchmarkCase;

constexpr uint32_t kMostTokens = 1 << 24, kMostSequences = 4096;

// Whole numbers joined by commas: "512,2048".
Result<std::vector<uint32_t>> parse_list(std::string_view flag, const std::string& text, uint32_t low, uint32_t high) {
  std::vector<uint32_t> values;
  const char *at = text.data(), *end = at + text.size();
  while (true) {
    uint32_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (next != end && *next != ',') || value < low || value > high)
      return fail(ErrorCode::kUsage, "--{} takes whole numbers from {} to {} joined by commas, such as 1,8; it was given '{}'", flag,
                  low, high, text);
    values.push_back(value);
    if (next == end) return values;
    at = next + 1;
  }
}

class Bench final : public Command {
 public:
  void visit(options::OptionList& v) override {
    using options::any, options::in_range;
    v.section("Measurement");
    v("prompt", prompt_, "tokens of a prompt to read; 0 measures none", any().named("N,...").flag_only());
    v("generate", generate_, "tokens to generate; 0 measures none", any().named("N,...").flag_only());
    v("depth", depth_, "tokens already in the cache before either", any().named("N,...").flag_only());
    v("depth-fill", depth_fill_, "what the cache holds at a depth: a prompt that was read, or random numbers, which are there at once",
      options::one_of({"prompt", "random"}).flag_only());
    v("batch", batch_, "sequences at once", any().named("N,...").flag_only());
    v("repeats", repeats_, "measurements of each, whose median is told", in_range(1, 1000).flag_only());
    v("tune", tune_, "instead of a model, measure at which row counts kernels should change on this machine, and keep it for all "
                     "later starts; half a minute", any().flag_only());
    v.section("Model");
    v("threads", model_.threads, "processors to use; 0 is all that this process may use", in_range(0, 4096).short_flag('t'));
    v("kv-type", model_.kv_type, "how the cache of keys and values is stored", service::kv_type_choice());
    v("k-type", model_.k_type, "how keys are stored, where it differs from values", service::kv_type_choice().or_else("as kv-type"));
    v("v-type", model_.v_type, "how values are stored, where it differs from keys", service::kv_type_choice().or_else("as kv-type"));
    v("backend", model_.backend, "what computes", options::one_of({"cpu", "reference"}));
    v("isa", model_.isa, "force an instruction set of the cpu backend", any().named("NAME").or_else("best available"));
    v("tuned", model_.tuned, "use what --tune kept for this machine");
    v("prefill-chunk", model_.prefill_chunk, "prompt tokens computed in one step", in_range(1, 1 << 20));
    v("page-size", model_.page_size, "tokens in a page of the cache, a multiple of 16", in_range(16, 1024));
    tracing_.visit(v);
  }

  Result<void> run(const Invocation& call) override {
    if (tune_ != call.arguments.empty())
      return fail(ErrorCode::kUsage, "the command is: hearth bench MODEL, or hearth bench --tune without a model");
    if (tune_) {
      constexpr std::string_view kTaken[] = {"tune", "threads", "isa", "json", "quiet", "log-level"};
      for (const auto& option : call.options.all())
        if (option.source == options::Source::kFlag && std::ranges::find(kTaken, option.name) == std::end(kTaken))
          return fail(ErrorCode::kUsage, "--tune measures products alone: --{} has no place there", option.name);
      return tune_kernels(call.console, model_);
    }
    HEARTH_TRY(cases, parse_cases());
    HEARTH_TRY(files, service::ModelFiles::open(call.arguments[0]));
    BenchReport report{.model = files.name(), .backend = {}, .processor = cpu_model_name(), .machine = {}, .runs = {}};
    report.threads = model_.threads != 0 ? model_.threads : granted_cpus();
    ::getloadavg(report.load_average.data(), 3);
    measure_machine(report);
    const uint64_t before_loading = resident_memory_bytes();
    const auto needs = service::benchmark_needs(cases, model_.prefill_chunk, model_.page_size);
    model_.context = needs.context;
    model_.trace = tracing_.recorder();
    report.has_random_depth = depth_fill_ == "random";
    if (report.has_random_depth) model_.fill = &fill_;
    HEARTH_TRY(loaded, load_model(call.console, std::move(files), model_,
                                  {.kv_memory_bytes = total_memory_bytes(), .max_sequences = needs.sequences, .max_itl = 0}));
    report.backend = loaded->backend().summary();
    report.load_seconds = loaded->load_seconds();
    HEARTH_TRY_VOID(measure_model(call, *loaded, cases, report));
    const auto memory = service::memory_of(*loaded, std::max(prompt_rows(cases), needs.sequences), needs.sequences);
    report.weight_bytes = memory.weights;
    report.kv_bytes = memory.cache;
    report.predicted_bytes = before_loading + memory.total();
    report.resident_bytes = resident_memory_bytes();
    loaded.reset();  // its memory and threads are not in the way of the machine's
    measure_machine(report);
    return tell(call.console, report);
  }

 private:
  Result<std::vector<BenchmarkCase>> parse_cases() const {
    HEARTH_TRY(prompts, parse_list("prompt", prompt_, 0, kMostTokens));
    HEARTH_TRY(generations, parse_list("generate", generate_, 0, kMostTokens));
    HEARTH_TRY(depths, parse_list("depth", depth_, 0, kMostTokens));
    HEARTH_TRY(batches, parse_list("batch", batch_, 1, kMostSequences));
    std::vector<BenchmarkCase> cases;
    const auto add = [&](BenchmarkCase::Kind kind, const std::vector<uint32_t>& counts) {
      for (const uint32_t tokens : counts)
        for (const uint32_t depth : depths)
          for (const uint32_t batch : batches)
            if (tokens != 0) cases.push_back({.kind = kind, .tokens = tokens, .depth = depth, .batch = batch});
    };
    add(BenchmarkCase::Kind::kPrefill, prompts);
    add(BenchmarkCase::Kind::kDecode, generations);
    if (cases.empty()) return fail(ErrorCode::kUsage, "--prompt 0 and --generate 0 leave nothing to measure");
    return cases;
  }

  // Of all prompts in one step.
  uint32_t prompt_rows(const std::vector<BenchmarkCase>& cases) const {
    uint32_t rows = 1;
    for (const BenchmarkCase& of : cases) {
      const uint64_t prompt = uint64_t{of.batch} * (of.kind == BenchmarkCase::Kind::kPrefill ? of.tokens + of.depth : of.depth);
      rows = std::max(rows, static_cast<uint32_t>(std::min<uint64_t>(prompt, model_.prefill_chunk)));
    }
    return rows;
  }

  // Keeps the better of this and earlier measurements.
  static void measure_machine(BenchReport& report) {
    ThreadPool pool(report.threads);
    const auto now = ops::cpu::measure_machine(pool);
    auto& best = report.machine;
    if (best.units.empty() || now.units[0].operations_per_second > best.units[0].operations_per_second) best.units = now.units;
    best.read_bytes_per_second = std::max(best.read_bytes_per_second, now.read_bytes_per_second);
  }

  Result<void> measure_model(const Invocation& call, service::LoadedModel& loaded, const std::vector<BenchmarkCase>& cases,
                             BenchReport& report) {
    const InterruptFlag interrupt(InterruptFlag::Second::kEndsTheProgram);
    ProgressLine line(call.console, "measuring");
    HEARTH_TRY(kv_types, model_.kv_types());
    service::Benchmark benchmark(loaded, (ops::kv_value_bytes(kv_types.k) + ops::kv_value_bytes(kv_types.v)) / 2,
                                 report.has_random_depth ? &fill_ : nullptr);
    size_t done = 0;
    for (const BenchmarkCase& of : cases) {
      HEARTH_TRY(run, benchmark.measure(of, repeats_, [&] {
        line.update(++done, cases.size() * repeats_);
        return !interrupt.raised();
      }));
      report.runs.push_back(std::move(run));
    }
    return {};
  }

  Result<void> tell(const Console& console, const BenchReport& report) const {
    if (console.json()) {
      Json json = report_json(report);
      if (Json profile = tracing_.profile_json(); !profile.is_null()) json.set("profile", std::move(profile));
      console.print_json(json);
    } else {
      console.print(report_text(report, console));
    }
    return tracing_.finish(console);
  }

  std::string prompt_ = "512", generate_ = "64", depth_ = "0", batch_ = "1", depth_fill_ = "prompt";
  uint32_t repeats_ = 5;
  bool tune_ = false, fill_ = false;
  service::ModelOptions model_;
  Tracing tracing_;
};

}  // namespace

extern const CommandFacts kBench{
    .name = "bench",
    .arguments = "[MODEL]",
    .summary = "measure how fast a model reads prompts and generates, beside what this machine can do",
    .notes = "Lists such as --depth 0,4096 --batch 1,8 measure all combinations. The machine's read bandwidth and matrix rate are\n"
             "measured in the same run: decoding reads all active weights and the cache for each step, reading a prompt multiplies.",
    .min_arguments = 0,
    .max_arguments = 1,
    .make = &make_command<Bench>};

}  // namespace hearth::apps
