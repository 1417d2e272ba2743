#include "engine/sequence.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace hearth::engine {

Sequence::Sequence(RequestId id, RequestId family, Request request, Chain chain, std::shared_ptr<EventSink> sink, double now)
    : id_(id),
      family_(family),
      prompt_tokens_(static_cast<uint32_t>(request.prompt.size())),
      tokens_(std::move(request.prompt)),
      request_(std::move(request)),
      chain_(std::move(chain)),
      sink_(std::move(sink)),
      submitted_(now) {}

double Sequence::deadline() const {
  return request_.deadline_seconds > 0 ? submitted_ + request_.deadline_seconds : std::numeric_limits<double>::infinity();
}

uint32_t Sequence::first_logit_row(uint32_t rows) const {
  const uint32_t last = past_ + rows == known() ? rows - 1 : rows;
  if (!request_.want_prompt_logits || !is_in_prompt()) return last;
  return std::min(last, std::max(reported_prompt_, past_) - past_);
}

void Sequence::note_start(uint32_t cached, double now) {
  HEARTH_CHECK(stage_ == Stage::kWaiting, "only a waiting sequence can start");
  if (has_started_) return;
  has_started_ = true;
  cached_ = cached;
  from_disk_ = std::min(cached, disk.to) - std::min({cached, disk.from, disk.to});
  started_ = now;
}

void Sequence::start(uint32_t cached, uint32_t slot, const SnapshotStops& stops, double now) {
  note_start(cached, now);
  stage_ = Stage::kPrefilling;
  past_ = cached;
  slot_ = slot;
  stops_ = stops;
}

void Sequence::start_as_fork(const Sequence& leader, uint32_t slot, double now) {
  HEARTH_CHECK(leader.past() == prompt_tokens_ && leader.known() == prompt_tokens_, "only a computed prompt can be copied");
  note_start(prompt_tokens_, now);
  stage_ = Stage::kDecoding;
  past_ = prompt_tokens_;
  slot_ = slot;
}

void Sequence::preempt() {
  HEARTH_CHECK(stage_ == Stage::kPrefilling || stage_ == Stage::kDecoding, "only a running sequence can be preempted");
  stage_ = Stage::kWaiting;
  past_ = 0;
  ++preemptions_;
}

void Sequence::swap_out(uint32_t swap_slot) {
  HEARTH_CHECK(stage_ == Stage::kPrefilling || stage_ == Stage::kDecoding, "only a running sequence can be swapped out");
  stage_ = Stage::kWaiting;
  slot_ = swap_slot;
  ++preemptions_;
}

void Sequence::resume(uint32_t slot) {
  HEARTH_CHECK(stage_ == Stage::kWaiting, "only a waiting sequence can resume");
  stage_ = is_in_prompt() ? Stage::kPrefilling : Stage::kDecoding;
  slot_ = slot;
}

void Sequence::start_over() {
  preemptions_ += stage_ != Stage::kWaiting;
  stage_ = Stage::kWaiting;
  past_ = 0;
  pages = {};
  disk.is_waiting = false;
}

void Sequence::advance(uint32_t rows) {
  past_ += rows;
  HEARTH_CHECK(past_ <= known(), "more tokens were computed than are known");
  if (past_ >= prompt_tokens_) stage_ = Stage::kDecoding;
}

double Sequence::append(int32_t token, double now) {
  HEARTH_CHECK(stage_ == Stage::kDecoding && past_ == known(), "a token was chosen before its logits");
  const bool is_first = generated_tokens() == 0;
  const double gap = now - (is_first ? submitted_ : last_token_);
  if (is_first) first_token_ = now;
  else longest_gap_ = std::max(longest_gap_, gap);
  last_token_ = now;
  tokens_.push_back(token);
  return gap;
}

Finish Sequence::finish(FinishReason reason) {
  stage_ = Stage::kFinished;
  Finish finish{.reason = reason, .prompt_tokens = prompt_tokens_, .cached_tokens = cached_, .generated_tokens = generated_tokens(),
                .preemptions = preemptions_, .longest_gap_seconds = longest_gap_};
  finish.disk_tokens = from_disk_;
  finish.miss = std::move(miss);
  if (has_started_) finish.queue_seconds = started_ - submitted_;
  if (generated_tokens() > 0) {
    finish.prompt_seconds = first_token_ - started_;
    finish.generate_seconds = last_token_ - first_token_;
    finish.first_token_seconds = first_token_ - submitted_;
  }
  return finish;
}

}  // namespace hearth::engine
