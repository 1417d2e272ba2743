#pragma once
// What the server counts, as Prometheus reads it: hearth:* and the same under vllm:*, so that dashboards and gateways made for
// the latter work unchanged. Thread-safe.
#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "service/chat_request.h"
#include "service/model_library.h"

namespace hearth::api {

// Counts of values not above each bound, and their sum.
class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}
  void observe(double value);
  void write(std::string& out, std::string_view name, std::string_view labels) const;

 private:
  std::span<const double> bounds_;
  std::vector<uint64_t> counts_;  // the last: above every bound
  uint64_t count_ = 0;
  double sum_ = 0;
};

// Seconds since a request's arrival: until its model was there and it was submitted, and until its end.
struct RequestTimes {
  double before_submission, whole;
};

class Metrics {
 public:
  void gap(const std::string& model, double seconds);  // between two tokens
  // Of every choice; what a prompt is counts once, with the first.
  void finish(const std::string& model, const Result<service::Outcome>& outcome, const RequestTimes& times, bool is_first_choice);
  void answered(int status);                           // any HTTP request

  std::string text(const std::vector<service::ModelStatus>& models, uint32_t page_tokens) const;

 private:
  struct Model {
    Model();
    uint64_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0, failed = 0;
    std::map<std::string, uint64_t> finished;  // by reason
    Histogram first_token, gap, whole, queue, prefill, decode, prompt_length, answer_length;
  };
  static void write_requests(std::string& out, const Model& model, const std::string& labels, std::string_view prefix);

  mutable std::mutex mutex_;
  std::map<std::string, Model> models_;
  std::map<int, uint64_t> statuses_;
};

}  // namespace hearth::api
