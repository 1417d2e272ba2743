#pragma once
// Which tokens of which sequences make the next step. Pure policy over lengths and page counts; it touches no tensor.
//
// First come, first served. Every decoding sequence gets its row first, then prompts are computed in chunks that share
// `prefill_chunk` rows, then waiting sequences start while slots and pages last. A sequence that finds no page takes the
// youngest running one's (which waits again, and is computed again later), or, being the youngest itself, waits with what
// it has. So the oldest always advances.
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "engine/cache/cache.h"
#include "engine/sequence.h"

namespace hearth::engine {

// The next `rows` tokens of a sequence; its pages cover them.
struct Grant {
  Sequence* sequence;
  uint32_t rows;
};

class Scheduler {
 public:
  Scheduler(Cache& cache, uint32_t prefill_chunk, uint32_t max_sequences);

  void add(Sequence& sequence);     // it waits; must live until removed
  void remove(Sequence& sequence);  // waiting or running; its pages are given back

  // Never empty while a sequence is waiting or running. Grants of generated tokens come first. Valid until the next call.
  std::span<const Grant> pick(double now);

  uint32_t waiting() const { return static_cast<uint32_t>(waiting_.size()); }
  uint32_t running() const { return static_cast<uint32_t>(running_.size()); }
  bool is_idle() const { return waiting_.empty() && running_.empty(); }

 private:
  void grant(size_t index);  // what running_[index] may compute now
  void start_waiting(double now);
  void preempt_youngest();
  void stop(Sequence& sequence);

  Cache& cache_;
  const uint32_t prefill_chunk_;
  std::deque<Sequence*> waiting_;    // oldest first
  std::vector<Sequence*> running_;   // oldest first, all older than the waiting ones
  std::vector<uint32_t> free_slots_;
  std::vector<Grant> grants_, prompt_grants_;
  uint32_t chunk_left_ = 0;
};

}  // namespace hearth::engine
