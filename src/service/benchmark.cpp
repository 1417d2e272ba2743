#include "service/benchmark.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

namespace hearth::service {

namespace {

using Kind = BenchmarkCase::Kind;

double seconds_now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void append_random(std::vector<int32_t>& tokens, Random& random, uint32_t count, uint32_t vocab) {
  for (uint32_t i = 0; i < count; ++i) tokens.push_back(static_cast<int32_t>(random.below(vocab)));
}

}  // namespace

double BenchmarkRun::median() const {
  std::vector<double> sorted = rates;
  std::ranges::sort(sorted);
  const size_t n = sorted.size();
  return n == 0 ? 0 : (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
}
double BenchmarkRun::least() const { return rates.empty() ? 0 : *std::ranges::min_element(rates); }
double BenchmarkRun::most() const { return rates.empty() ? 0 : *std::ranges::max_element(rates); }

double BenchmarkRun::matrix_fraction(double operations_per_second) const {
  return 2 * products * median() / operations_per_second;
}
double BenchmarkRun::bandwidth_fraction(double bytes_per_second) const { return bytes * median() / of.batch / bytes_per_second; }

BenchmarkNeeds benchmark_needs(std::span<const BenchmarkCase> cases, uint32_t prefill_chunk, uint32_t page_tokens) {
  BenchmarkNeeds needs;
  for (const BenchmarkCase& of : cases) {
    // While the last prompt of a batch is read, the first sequence already generates.
    const uint32_t early = of.batch * (of.depth / prefill_chunk + 2);
    // And a sequence starts only where each that runs could take a page more.
    const uint32_t tokens = std::max(of.depth, 1u) + of.tokens + (of.kind == Kind::kDecode ? early : 0) + 2 + page_tokens;
    needs.context = std::max(needs.context, tokens);
    needs.sequences = std::max(needs.sequences, of.batch);
  }
  return needs;
}

// What happens to one request, and when.
class Benchmark::Watcher final : public engine::EventSink {
 public:
  void on_prompt_progress(uint32_t done, uint32_t) override { read = done; }
  void on_token(int32_t, float, std::span<const engine::TokenLogprob>) override { ++generated; }
  void on_finish(const engine::Finish& end) override { finish = end; }

  uint32_t read = 0, generated = 0;
  std::optional<engine::Finish> finish;
  engine::RequestId id = 0;
};

// One request per sequence of the batch: the tokens of its depth, the same each time, and fresh ones after them.
Result<Benchmark::Watchers> Benchmark::submit(const BenchmarkCase& of, uint32_t fresh_tokens, uint32_t max_tokens) {
  const uint32_t vocab = model_.model().plan().vocab;
  Watchers watchers;
  for (uint32_t sequence = 0; sequence < of.batch; ++sequence) {
    Random random(1000 + sequence);
    engine::Request request;
    append_random(request.prompt, random, of.depth, vocab);
    append_random(request.prompt, fresh_, fresh_tokens, vocab);
    request.max_tokens = max_tokens;
    request.sampling.temperature = 0;
    auto watcher = std::make_shared<Watcher>();
    HEARTH_TRY(id, model_.engine().submit(std::move(request), watcher));
    watcher->id = id;
    watchers.push_back(std::move(watcher));
  }
  return watchers;
}

// Leaves `depth` random keys and values of each sequence in the prefix cache, where submit()'s prompts find them.
Result<void> Benchmark::fill_depth(const BenchmarkCase& of) {
  if (fill_ == nullptr || of.depth == 0) return {};
  HEARTH_TRY(watchers, submit(of, 0, 1));
  *fill_ = true;
  while (std::ranges::any_of(watchers, [](const auto& w) { return !w->finish; })) model_.engine().step();
  *fill_ = false;
  for (const auto& watcher : watchers)
    if (watcher->finish->reason == engine::FinishReason::kError) return Failure(watcher->finish->error);
  return {};
}

// From the step that begins the fresh tokens to the first token of the last sequence: what a user waits for. Depth that the cache did
// not remember is not measured as far as it is read before; what is read later of the depth of others counts like fresh tokens.
Result<double> Benchmark::prefill_rate(const BenchmarkCase& of) {
  HEARTH_TRY(watchers, submit(of, of.tokens, 1));
  std::vector<uint32_t> before(watchers.size(), 0);
  double begin = seconds_now();
  bool has_begun = false;
  while (std::ranges::any_of(watchers, [](const auto& w) { return !w->finish; })) {
    model_.engine().step();
    has_begun = has_begun || std::ranges::any_of(watchers, [&](const auto& w) { return w->read > of.depth; });
    if (has_begun || std::ranges::all_of(watchers, [](const auto& w) { return w->read == 0; })) continue;
    begin = seconds_now();
    std::ranges::transform(watchers, before.begin(), [](const auto& w) { return w->read; });
  }
  const double seconds = seconds_now() - begin;
  double tokens = 0;
  for (size_t i = 0; i < watchers.size(); ++i) {
    const engine::Finish& finish = *watchers[i]->finish;
    if (finish.reason == engine::FinishReason::kError) return Failure(finish.error);
    tokens += of.depth + of.tokens - std::max(before[i], finish.cached_tokens);
  }
  return tokens / seconds;
}

// Steps in which every sequence generates.
Result<double> Benchmark::decode_rate(const BenchmarkCase& of) {
  HEARTH_TRY(watchers, submit(of, of.depth == 0 ? 1 : 0, 0));
  const auto is_waiting = [](const auto& w) { return w->generated == 0 && !w->finish; };
  while (std::ranges::any_of(watchers, is_waiting)) model_.engine().step();
  const double begin = seconds_now();
  for (uint32_t i = 0; i < of.tokens; ++i) model_.engine().step();
  const double seconds = seconds_now() - begin;
  for (const auto& watcher : watchers) {
    if (watcher->finish && watcher->finish->reason == engine::FinishReason::kError) return Failure(watcher->finish->error);
    if (watcher->finish)
      return fail(ErrorCode::kInternal, "the context of {} tokens ended a measurement", model_.engine().context());
    model_.engine().cancel(watcher->id);
  }
  while (std::ranges::any_of(watchers, [](const auto& w) { return !w->finish; })) model_.engine().step();
  return static_cast<double>(of.tokens) * of.batch / seconds;
}

double Benchmark::kv_bytes(double tokens) const {
  const model::StateShape& shape = model_.model().state_shape();
  double bytes = 0;
  for (const auto& layer : shape.kv) {
    const uint32_t window = shape.group_windows[layer.group];
    const double seen = window == 0 ? tokens : std::min<double>(tokens, window);
    bytes += seen * layer.kv_heads * (layer.k_dim + layer.v_dim) * bytes_per_kv_value_;
  }
  for (const auto& slot : shape.slots) bytes += slot.floats * sizeof(float);
  return bytes;
}

Result<BenchmarkRun> Benchmark::measure(const BenchmarkCase& of, uint32_t repeats, const std::function<bool()>& repeat_done) {
  BenchmarkRun run{.of = of, .rates = {}};
  const bool is_prefill = of.kind == Kind::kPrefill;
  const model::WeightUse use = model_.model().weight_use(of.batch);
  if (is_prefill) run.products = use.layer_products + use.head_products / of.tokens;
  else run.bytes = use.bytes + of.batch * kv_bytes(std::max(of.depth, 1u) + of.tokens / 2.0);
  BenchmarkCase warmth = of;
  warmth.tokens = std::min(of.tokens, is_prefill ? 512u : 4u);
  HEARTH_TRY_VOID(fill_depth(of));
  HEARTH_TRY_VOID(is_prefill ? prefill_rate(warmth) : decode_rate(warmth));
  for (uint32_t i = 0; i < repeats; ++i) {
    HEARTH_TRY(rate, is_prefill ? prefill_rate(of) : decode_rate(of));
    run.rates.push_back(rate);
    if (!repeat_done()) return fail(ErrorCode::kCancelled, "the measurement was interrupted");
  }
  return run;
}

}  // namespace hearth::service
