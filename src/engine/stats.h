#pragma once
// What an engine has done and holds, for displays and metrics.
#include <array>
#include <cstdint>

#include "engine/request.h"

namespace hearth::engine {

// What the engine holds right now.
struct EngineLoad {
  uint32_t sequences = 0;                               // submitted, taken in and not finished
  uint32_t pages = 0, used_pages = 0, kept_pages = 0;   // of all window groups; kept: unused, but found again by their tokens
};

constexpr size_t kFinishReasons = 6;

// Counters since the start, and a picture of the moment between two steps.
struct EngineStats {
  EngineLoad load;
  uint32_t running = 0, waiting = 0;
  uint64_t steps = 0, preemptions = 0, swaps = 0;       // swaps: preemptions that kept their pages in host memory
  uint64_t prompt_tokens = 0, generated_tokens = 0;     // computed, again after a preemption included; chosen
  uint64_t cached_tokens = 0, disk_tokens = 0;          // prompt tokens not computed; of these, from the disk
  uint64_t refused = 0;                                 // submissions that found the queue full
  std::array<uint64_t, kFinishReasons> finished = {};   // [FinishReason]
  uint64_t disk_bytes = 0, disk_reads = 0, disk_writes = 0, disk_dropped = 0;  // the prefix cache on disk; entries, but for bytes
};

// Hears what histograms want, on the thread that calls Engine::step; calls must be short.
class EngineObserver {
 public:
  virtual ~EngineObserver() = default;
  virtual void on_step(double seconds, uint32_t prompt_rows, uint32_t generated_rows) {}
  virtual void on_first_token(double seconds) {}        // since submit
  virtual void on_token_gap(double seconds) {}          // between two tokens of one request
  virtual void on_finish(const Request& request, const Finish& finish) {}  // the request's prompt is empty by now
};

}  // namespace hearth::engine
