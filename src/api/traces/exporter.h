#pragma once
// Sends spans to a collector from a thread of its own. Nobody waits for it: what does not fit its queue is dropped, counted
// and said.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/traces/span.h"
#include "base/result.h"

namespace hearth::api {

struct ExporterOptions {
  std::string url;                               // of the collector's traces: "http://localhost:4318/v1/traces"
  std::string service = "hearth", version = {};
  size_t queue = 4096, batch = 512;              // spans
  std::chrono::milliseconds delay{1'000};        // that spans wait for others
  std::chrono::milliseconds patience{10'000};    // for one answer
  std::chrono::milliseconds first_pause{1'000}, longest_pause{30'000};  // before a batch is sent again; doubled each time
};

// `base`, as OpenTelemetry has it, is the collector's address without the path of its traces.
std::string traces_url(std::string_view base);

class Exporter {
 public:
  explicit Exporter(ExporterOptions options);
  ~Exporter();  // sends what is queued, if the collector answers at once; says how many spans were lost altogether
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;

  void add(std::vector<Span> spans);  // all are taken, or none; from any thread, never blocks
  uint64_t dropped() const { return dropped_; }

 private:
  enum class Sent { kYes, kLater, kNever };
  void run();
  bool send(const std::vector<Span>& batch);  // again and again; false: given up
  Sent try_once(const std::string& body);
  void drop(size_t spans, std::string_view why);

  const ExporterOptions options_;
  std::atomic<uint64_t> dropped_{0};
  std::atomic<bool> is_closing_{false};  // written under the lock
  std::mutex mutex_;                     // guards what follows
  std::condition_variable news_;
  std::deque<Span> queue_;
  bool has_said_dropped_ = false;
  std::thread thread_;
};

}  // namespace hearth::api
