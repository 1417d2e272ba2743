#include "api/metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/openai_fields.h"

namespace hearth::api {

namespace {

constexpr double kSeconds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 150, 600};
constexpr double kTokens[] = {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144};

std::string label_text(std::string_view value) {
  std::string out;
  for (const char c : value) out += c == '"' || c == '\\' ? fmt::format("\\{}", c) : c == '\n' ? "\\n" : std::string(1, c);
  return out;
}

void write_head(std::string& out, std::string_view prefix, std::string_view name, std::string_view kind, std::string_view help) {
  out += fmt::format("# HELP {0}{1} {3}\n# TYPE {0}{1} {2}\n", prefix, name, kind, help);
}

template <class T>
void write_value(std::string& out, std::string_view prefix, std::string_view name, std::string_view labels, T value) {
  out += fmt::format("{}{}{{{}}} {}\n", prefix, name, labels, value);
}

}  // namespace

void Histogram::observe(double value) {
  const auto bound = std::ranges::lower_bound(bounds_, value);
  ++counts_[static_cast<size_t>(bound - bounds_.begin())];
  ++count_;
  sum_ += value;
}

void Histogram::write(std::string& out, std::string_view name, std::string_view labels) const {
  uint64_t below = 0;
  for (size_t i = 0; i < bounds_.size(); ++i) {
    below += counts_[i];
    out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, bounds_[i], below);
  }
  out += fmt::format("{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n", name, labels, count_, sum_);
}

Metrics::Model::Model()
    : first_token(kSeconds), gap(kSeconds), whole(kSeconds), queue(kSeconds), prefill(kSeconds), decode(kSeconds),
      prompt_length(kTokens), answer_length(kTokens) {}

void Metrics::gap(const std::string& model, double seconds) {
  const std::lock_guard lock(mutex_);
  models_[model].gap.observe(seconds);
}

void Metrics::finish(const std::string& model, const Result<service::Outcome>& outcome, const RequestTimes& times, bool is_first_choice) {
  const std::lock_guard lock(mutex_);
  Model& m = models_[model];
  if (!outcome) {
    ++m.failed;
    return;
  }
  if (is_first_choice) m.prompt_tokens += outcome->prompt_tokens, m.cached_tokens += outcome->cached_tokens;
  m.generated_tokens += outcome->tokens.size();
  ++m.finished[std::string(openai_finish_reason(outcome->reason))];
  m.whole.observe(times.whole);
  if (outcome->tokens.empty()) return;
  m.first_token.observe(times.before_submission + outcome->first_token_seconds);
  m.queue.observe(outcome->queue_seconds);
  m.prefill.observe(outcome->prompt_seconds);
  m.decode.observe(outcome->generate_seconds);
  if (is_first_choice) m.prompt_length.observe(outcome->prompt_tokens);
  m.answer_length.observe(static_cast<double>(outcome->tokens.size()));
}

void Metrics::answered(int status) {
  const std::lock_guard lock(mutex_);
  ++statuses_[status];
}

void Metrics::write_requests(std::string& out, const Model& m, const std::string& labels, std::string_view prefix) {
  const auto counter = [&](std::string_view name, std::string_view help, uint64_t value) {
    write_head(out, prefix, name, "counter", help);
    write_value(out, prefix, name, labels, value);
  };
  const auto histogram = [&](std::string_view name, std::string_view help, const Histogram& values) {
    write_head(out, prefix, name, "histogram", help);
    values.write(out, fmt::format("{}{}", prefix, name), labels);
  };
  counter("prompt_tokens_total", "Tokens of prompts, those found in the cache included.", m.prompt_tokens);
  counter("generation_tokens_total", "Tokens generated.", m.generated_tokens);
  counter("prefix_cache_queries", "Tokens of prompts looked for in the cache.", m.prompt_tokens);
  counter("prefix_cache_hits", "Tokens of prompts found in the cache.", m.cached_tokens);
  counter("request_failures_total", "Requests that ended in an error.", m.failed);
  write_head(out, prefix, "request_success_total", "counter", "Requests that ended, by reason.");
  for (const auto& [reason, count] : m.finished)
    write_value(out, prefix, "request_success_total", fmt::format("{},finished_reason=\"{}\"", labels, reason), count);
  histogram("time_to_first_token_seconds", "From a request's arrival to its first token.", m.first_token);
  histogram("inter_token_latency_seconds", "Between two tokens of an answer.", m.gap);
  histogram("e2e_request_latency_seconds", "From a request's arrival to its end.", m.whole);
  histogram("request_queue_time_seconds", "Before a prompt's first token was computed.", m.queue);
  histogram("request_prefill_time_seconds", "Reading the uncached part of a prompt.", m.prefill);
  histogram("request_decode_time_seconds", "From an answer's first token to its last.", m.decode);
  histogram("request_prompt_tokens", "Tokens of a prompt.", m.prompt_length);
  histogram("request_generation_tokens", "Tokens of an answer.", m.answer_length);
}

// What the engine holds.
static void write_engine(std::string& out, const engine::EngineStats& stats, const std::string& labels, std::string_view prefix,
                         uint32_t page_tokens) {
  const auto write = [&](std::string_view name, std::string_view kind, std::string_view help, auto value) {
    write_head(out, prefix, name, kind, help);
    write_value(out, prefix, name, labels, value);
  };
  const engine::EngineLoad& load = stats.load;
  write("num_requests_running", "gauge", "Requests whose prompt is being read or whose answer is being made.", stats.running);
  write("num_requests_waiting", "gauge", "Requests that wait for their turn.", stats.waiting);
  write("num_preemptions_total", "counter", "Times that a request gave way to others and waited again.", stats.preemptions);
  write("requests_refused_total", "counter", "Requests that found the queue full.", stats.refused);
  write("disk_cache_tokens_total", "counter", "Tokens of prompts that came from the disk.", stats.disk_tokens);
  write("disk_cache_bytes", "gauge", "Bytes that the prefix cache holds on disk.", stats.disk_bytes);
  write("engine_steps_total", "counter", "Steps of the engine.", stats.steps);
  write("kv_cache_usage_perc", "gauge", "Share of the cache's pages in use, 0 to 1.",
        load.pages == 0 ? 0.0 : static_cast<double>(load.used_pages) / load.pages);
  write_head(out, prefix, "cache_config_info", "gauge", "The cache's shape, as labels.");
  write_value(out, prefix, "cache_config_info", fmt::format("{},block_size=\"{}\",num_gpu_blocks=\"{}\"", labels, page_tokens, load.pages), 1);
  write_head(out, prefix, "kv_pages", "gauge", "Pages of the cache: used, kept for prompts that begin the same, free.");
  const uint32_t free = load.pages - load.used_pages - load.kept_pages;
  for (const auto& [kind, pages] : {std::pair("used", load.used_pages), std::pair("kept", load.kept_pages), std::pair("free", free)})
    write_value(out, prefix, "kv_pages", fmt::format("{},kind=\"{}\"", labels, kind), pages);
  write("engine_prompt_tokens_total", "counter", "Tokens of prompts computed so far, again after a preemption included.", stats.prompt_tokens);
  write("engine_generation_tokens_total", "counter", "Tokens generated so far, those of running requests included.", stats.generated_tokens);
}

// The format wants one head per name, followed by the samples of all models.
static std::string gathered(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> families;  // head, samples
  size_t current = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at) + 1;
    const std::string line = text.substr(at, end - at);
    at = end;
    if (line.starts_with("# HELP")) {
      const auto found = std::ranges::find(families, line, [](const auto& family) { return family.first.substr(0, family.first.find('\n') + 1); });
      current = static_cast<size_t>(found - families.begin());
      if (found == families.end()) families.emplace_back(line, "");
    } else if (line.starts_with("# TYPE")) {
      if (!families[current].first.ends_with(line)) families[current].first += line;
    } else {
      families[current].second += line;
    }
  }
  std::string out;
  for (const auto& [head, samples] : families) out += head + samples;
  return out;
}

std::string Metrics::text(const std::vector<service::ModelStatus>& models, uint32_t page_tokens) const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (std::string_view prefix : {"hearth:", "vllm:"})
    for (const auto& status : models) {
      const std::string labels = fmt::format("model_name=\"{}\"", label_text(status.name));
      const auto found = models_.find(status.name);
      write_requests(out, found == models_.end() ? Model() : found->second, labels, prefix);
      write_engine(out, status.stats, labels, prefix, page_tokens);
    }
  write_head(out, "hearth:", "http_responses_total", "counter", "Answers of the server by status.");
  for (const auto& [status, count] : statuses_) write_value(out, "hearth:", "http_responses_total", fmt::format("status=\"{}\"", status), count);
  return gathered(out);
}

}  // namespace hearth::api
