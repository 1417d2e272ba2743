#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

// Logits of a whole vocabulary per row are large (0.6 MB for 151,936 tokens): requests that want all of them get smaller chunks.
static constexpr uint32_t kMostPromptLogits = 64;

Scheduler::Scheduler(Cache& cache, uint32_t prefill_chunk, uint32_t max_sequences) : cache_(cache), prefill_chunk_(prefill_chunk) {
  for (uint32_t slot = max_sequences; slot-- > 0;) free_slots_.push_back(slot);
}

void Scheduler::add(Sequence& sequence) { waiting_.push_back(&sequence); }

void Scheduler::remove(Sequence& sequence) {
  if (sequence.stage() == Sequence::Stage::kWaiting) {
    std::erase(waiting_, &sequence);
  } else {
    stop(sequence);
    std::erase(running_, &sequence);
  }
}

void Scheduler::stop(Sequence& sequence) {
  cache_.release(sequence.pages);
  free_slots_.push_back(sequence.slot());
}

std::span<const Grant> Scheduler::pick(double now) {
  grants_.clear();
  prompt_grants_.clear();
  chunk_left_ = prefill_chunk_;

  for (Sequence* sequence : running_) cache_.leave_window(sequence->pages, sequence->past());
  for (size_t i = 0; i < running_.size(); ++i)
    if (running_[i]->is_decoding()) grant(i);
  for (size_t i = 0; i < running_.size() && chunk_left_ > 0; ++i)
    if (!running_[i]->is_decoding()) grant(i);
  start_waiting(now);

  grants_.insert(grants_.end(), prompt_grants_.begin(), prompt_grants_.end());
  HEARTH_CHECK(!grants_.empty() || is_idle(), "no sequence can advance");
  return grants_;
}

void Scheduler::grant(size_t index) {
  Sequence& sequence = *running_[index];
  while (cache_.reach(sequence.pages) <= sequence.past()) {
    if (index + 1 == running_.size()) return;
    preempt_youngest();
  }
  uint32_t rows = std::min(sequence.computable_rows(), cache_.reach(sequence.pages) - sequence.past());
  if (sequence.is_in_prompt() && sequence.request().want_prompt_logits) rows = std::min(rows, kMostPromptLogits);
  if (!sequence.is_decoding()) {
    rows = std::min(rows, chunk_left_);
    chunk_left_ -= rows;
  }
  cache_.grow(sequence.pages, sequence.past() + rows);
  (sequence.is_in_prompt() ? prompt_grants_ : grants_).push_back({&sequence, rows});
}

// Nobody overtakes: what the first of the waiting lacks is not given to the second. Each running sequence is left a page to
// grow into; so a preempted one cannot come back at once, only to be pushed out again.
void Scheduler::start_waiting(double now) {
  while (!waiting_.empty() && !free_slots_.empty() && chunk_left_ > 0) {
    Sequence& sequence = *waiting_.front();
    const bool may_reuse = !sequence.request().want_prompt_logits;  // cached positions have no logits to report
    const uint32_t cached = may_reuse ? cache_.match(sequence.prompt(), sequence.pages) : 0;
    if (!cache_.fits(sequence.pages, sequence.known(), static_cast<uint32_t>(running_.size()))) {
      cache_.release(sequence.pages);
      return;
    }
    sequence.start(cached, free_slots_.back(), now);
    free_slots_.pop_back();
    waiting_.pop_front();
    running_.push_back(&sequence);
    grant(running_.size() - 1);
  }
}

void Scheduler::preempt_youngest() {
  Sequence& youngest = *running_.back();
  running_.pop_back();
  stop(youngest);
  youngest.preempt();
  waiting_.push_front(&youngest);
  for (std::vector<Grant>* grants : {&grants_, &prompt_grants_})
    std::erase_if(*grants, [&](const Grant& grant) { return grant.sequence == &youngest; });
}

}  // namespace hearth::engine
