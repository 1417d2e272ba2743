#include "engine/meter.h"

#include <algorithm>
#include <cmath>

namespace hearth::engine {

static constexpr double kLongestRetry = 600;

// An eighth of each new interval: some ten requests decide.
void Meter::started(double now, bool others_wait) {
  const double interval = std::max(0.0, now - last_start_);
  if (others_wait_) start_interval_ += (interval - start_interval_) * (start_interval_ == 0 ? 1 : 0.125);
  last_start_ = now;
  others_wait_ = others_wait;
}

void Meter::finished(const Request& request, const Finish& finish) {
  ++counters_.finished[static_cast<size_t>(finish.reason)];
  counters_.cached_tokens += finish.cached_tokens;
  counters_.disk_tokens += finish.disk_tokens;
  if (observer_) observer_->on_finish(request, finish);
}

void Meter::stepped(double seconds, uint32_t prompt_rows, uint32_t generated_rows) {
  ++counters_.steps;
  counters_.prompt_tokens += prompt_rows;
  if (observer_) observer_->on_step(seconds, prompt_rows, generated_rows);
}

void Meter::token(bool is_first, double seconds) {
  ++counters_.generated_tokens;
  if (!observer_) return;
  is_first ? observer_->on_first_token(seconds) : observer_->on_token_gap(seconds);
}

void Meter::publish() {
  others_wait_ = others_wait_ && counters_.waiting > 0;  // until the next start, somebody must have waited all the time
  const std::lock_guard lock(mutex_);
  published_ = counters_;
  published_interval_ = start_interval_;
}

EngineStats Meter::stats() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

uint32_t Meter::retry_after_seconds() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(std::clamp(std::ceil(published_interval_), 1.0, kLongestRetry));
}

}  // namespace hearth::engine
