#pragma once
// One request as spans: the server's own from its arrival to its last token, and below it, for each choice, the time in the
// queue, prefill and decode. Attributes follow OpenTelemetry's conventions for generative AI (gen_ai.*).
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"
#include "api/traces/exporter.h"
#include "base/random.h"
#include "base/result.h"
#include "service/chat_request.h"

namespace hearth::api {

// One thread at a time.
class RequestTrace {
 public:
  // Does nothing where there is no exporter, or where the client's trace is not sampled. The exporter must outlive it.
  RequestTrace(Exporter* exporter, const Request& request);
  ~RequestTrace();  // exports
  RequestTrace(const RequestTrace&) = delete;
  RequestTrace& operator=(const RequestTrace&) = delete;

  void asks_for(std::string_view model);                      // as the client wrote it
  void runs(std::string_view operation, std::string_view model);  // "chat", "text_completion"; the model that answers
  void submitted(uint32_t choices);                           // of each prompt; now
  void ended(uint32_t choice, const Result<service::Outcome>& outcome);
  void failed(const Error& error);

 private:
  using Clock = std::chrono::steady_clock;
  int64_t time_ns(Clock::time_point time) const;
  SpanId next_id();
  void add_stage(std::string_view name, double begin, double end, uint32_t choice, Json::Object attributes);
  void count(uint32_t choice, const service::Outcome& outcome);

  Exporter* const exporter_;  // null: does nothing
  const Clock::time_point begin_ = Clock::now();
  const int64_t begin_ns_;    // the same moment, since 1970
  Clock::time_point submitted_ = begin_, end_ = begin_;
  Random random_;
  Span span_;
  std::vector<Span> stages_;
  uint32_t choices_ = 1;
  uint64_t input_tokens_ = 0, cached_tokens_ = 0, output_tokens_ = 0, thinking_tokens_ = 0;
  double first_token_seconds_ = 0;        // of the choice that was first; 0: none yet
  std::vector<std::string> reasons_;      // by choice
};

}  // namespace hearth::api
