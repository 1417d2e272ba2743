#pragma once
// Counts what the engine does: written by the thread that steps, read by any.
#include <cstdint>
#include <memory>
#include <mutex>

#include "engine/stats.h"

namespace hearth::engine {

class Meter {
 public:
  explicit Meter(std::shared_ptr<EngineObserver> observer) : observer_(std::move(observer)) {}

  // The stepping thread's side. Counters change in place and are seen by others after publish().
  EngineStats& counters() { return counters_; }
  void started(double now, bool others_wait);       // a request left the queue, to others or to nobody
  void finished(const Request& request, const Finish& finish);
  void stepped(double seconds, uint32_t prompt_rows, uint32_t generated_rows);
  void token(bool is_first, double seconds);        // since submit, or since the token before
  void publish();

  EngineStats stats() const;                        // any thread
  uint32_t retry_after_seconds() const;             // any thread: when a place in the queue should be free

 private:
  const std::shared_ptr<EngineObserver> observer_;  // or null
  EngineStats counters_;
  double last_start_ = 0, start_interval_ = 0;      // seconds; the interval is a moving mean of those in which somebody waited
  bool others_wait_ = false;                        // all the time since the last start

  mutable std::mutex mutex_;  // guards what follows
  EngineStats published_;
  double published_interval_ = 0;
};

}  // namespace hearth::engine
