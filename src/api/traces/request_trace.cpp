#include "api/traces/request_trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/openai_fields.h"

namespace hearth::api {

namespace {

constexpr size_t kLongestName = 256;  // bytes of a name that a client chose

std::chrono::steady_clock::duration duration(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

template <size_t n>
std::array<uint8_t, n> random_bytes(Random& random) {
  std::array<uint8_t, n> out;
  for (size_t i = 0; i < n; i += 8) {
    uint64_t word = random.next();
    for (size_t j = i; j < std::min(n, i + 8); ++j, word >>= 8) out[j] = static_cast<uint8_t>(word);
  }
  out[n - 1] |= 1;  // an id of zeros is none
  return out;
}

Exporter* exporter_for(Exporter* exporter, const std::optional<TraceParent>& parent) {
  return parent && !parent->is_sampled ? nullptr : exporter;
}

}  // namespace

RequestTrace::RequestTrace(Exporter* exporter, const Request& request)
    : exporter_(exporter == nullptr ? nullptr : exporter_for(exporter, parse_trace_parent(request.header("traceparent")))),
      begin_ns_(std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count()),
      random_(exporter_ == nullptr ? 0 : random_seed()) {
  if (exporter_ == nullptr) return;
  const auto parent = parse_trace_parent(request.header("traceparent"));
  span_.trace = parent ? parent->trace : random_bytes<16>(random_);
  if (parent) span_.parent = parent->span;
  span_.id = next_id();
  span_.kind = Span::Kind::kServer;
  span_.name = fmt::format("{} {}", request.method, request.path);
  span_.attributes = {{"gen_ai.provider.name", "hearth"}, {"http.request.method", request.method}, {"http.route", request.path},
                      {"hearth.request.id", request.id}};
}

RequestTrace::~RequestTrace() {
  if (exporter_ == nullptr) return;
  span_.begin_ns = begin_ns_;
  span_.end_ns = time_ns(end_);
  auto& attributes = span_.attributes;
  if (!reasons_.empty()) {
    attributes.emplace_back("gen_ai.usage.input_tokens", static_cast<int64_t>(input_tokens_));
    attributes.emplace_back("gen_ai.usage.cache_read.input_tokens", static_cast<int64_t>(cached_tokens_));
    attributes.emplace_back("gen_ai.usage.output_tokens", static_cast<int64_t>(output_tokens_));
    attributes.emplace_back("gen_ai.usage.reasoning.output_tokens", static_cast<int64_t>(thinking_tokens_));
    attributes.emplace_back("gen_ai.response.finish_reasons", Json::Array(reasons_.begin(), reasons_.end()));
  }
  if (first_token_seconds_ > 0) {
    const auto time = submitted_ + duration(first_token_seconds_);
    const double since_arrival = std::chrono::duration<double>(time - begin_).count();
    span_.events.push_back({"gen_ai.first_token", time_ns(time), {{"gen_ai.server.time_to_first_token", since_arrival}}});
  }
  stages_.insert(stages_.begin(), std::move(span_));
  exporter_->add(std::move(stages_));
}

int64_t RequestTrace::time_ns(Clock::time_point time) const { return begin_ns_ + std::chrono::nanoseconds(time - begin_).count(); }

SpanId RequestTrace::next_id() { return random_bytes<8>(random_); }

void RequestTrace::asks_for(std::string_view model) {
  span_.attributes.emplace_back("gen_ai.request.model", model.substr(0, kLongestName));
}

void RequestTrace::runs(std::string_view operation, std::string_view model) {
  span_.name = fmt::format("{} {}", operation, model);
  span_.attributes.emplace_back("gen_ai.operation.name", operation);
  span_.attributes.emplace_back("gen_ai.response.model", model);
}

void RequestTrace::submitted(uint32_t choices) {
  submitted_ = Clock::now();
  choices_ = choices;
}

// The error's sentence stays here: it may quote what the client wrote.
void RequestTrace::failed(const Error& error) {
  if (exporter_ == nullptr) return;
  end_ = Clock::now();
  if (std::exchange(span_.has_failed, true)) return;
  span_.attributes.emplace_back("error.type", error_facts(error.code).name);
}

void RequestTrace::ended(uint32_t choice, const Result<service::Outcome>& outcome) {
  if (exporter_ == nullptr) return;
  if (!outcome) return failed(outcome.error());
  end_ = Clock::now();
  count(choice, *outcome);
  const double first = outcome->first_token_seconds, queue = outcome->queue_seconds;
  if (queue > 0) add_stage("queue", 0, queue, choice, {});
  if (outcome->tokens.empty() || first < queue) return;
  add_stage("prefill", queue, first, choice,
            {{"gen_ai.usage.input_tokens", outcome->prompt_tokens}, {"gen_ai.usage.cache_read.input_tokens", outcome->cached_tokens}});
  add_stage("decode", first, first + outcome->generate_seconds, choice, {{"gen_ai.usage.output_tokens", outcome->tokens.size()}});
}

// The choices of one prompt share it: its tokens count once.
void RequestTrace::count(uint32_t choice, const service::Outcome& outcome) {
  if (choice % choices_ == 0) {
    input_tokens_ += outcome.prompt_tokens;
    cached_tokens_ += outcome.cached_tokens;
  }
  output_tokens_ += outcome.tokens.size();
  thinking_tokens_ += outcome.thinking_tokens;
  if (reasons_.size() <= choice) reasons_.resize(choice + 1);
  reasons_[choice] = openai_finish_reason(outcome.reason);
  if (outcome.tokens.empty()) return;
  const double first = outcome.first_token_seconds;
  first_token_seconds_ = first_token_seconds_ > 0 ? std::min(first_token_seconds_, first) : first;
}

// Seconds are since submission.
void RequestTrace::add_stage(std::string_view name, double begin, double end, uint32_t choice, Json::Object attributes) {
  Span stage{.trace = span_.trace, .id = next_id(), .parent = span_.id, .name = std::string(name)};
  stage.begin_ns = time_ns(submitted_ + duration(begin));
  stage.end_ns = time_ns(submitted_ + duration(end));
  stage.attributes = std::move(attributes);
  if (choice > 0) stage.attributes.emplace_back("hearth.choice", choice);
  stages_.push_back(std::move(stage));
}

}  // namespace hearth::api
