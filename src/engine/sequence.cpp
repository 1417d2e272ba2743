#include "engine/sequence.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

Sequence::Sequence(RequestId id, Request request, Chain chain, std::shared_ptr<EventSink> sink)
    : id_(id),
      prompt_tokens_(static_cast<uint32_t>(request.prompt.size())),
      tokens_(std::move(request.prompt)),
      request_(std::move(request)),
      chain_(std::move(chain)),
      sink_(std::move(sink)) {}

uint32_t Sequence::first_logit_row(uint32_t rows) const {
  const uint32_t last = past_ + rows == known() ? rows - 1 : rows;
  if (!request_.want_prompt_logits || !is_in_prompt()) return last;
  return std::min(last, std::max(reported_prompt_, past_) - past_);
}

void Sequence::start(uint32_t cached, uint32_t slot) {
  HEARTH_CHECK(stage_ == Stage::kWaiting, "only a waiting sequence can start");
  stage_ = Stage::kPrefilling;
  past_ = cached;
  slot_ = slot;
  if (has_started_) return;
  has_started_ = true;
  cached_ = cached;
  started_ = Clock::now();
}

void Sequence::preempt() {
  HEARTH_CHECK(stage_ == Stage::kPrefilling || stage_ == Stage::kDecoding, "only a running sequence can be preempted");
  stage_ = Stage::kWaiting;
  past_ = 0;
}

void Sequence::advance(uint32_t rows) {
  past_ += rows;
  HEARTH_CHECK(past_ <= known(), "more tokens were computed than are known");
  if (past_ >= prompt_tokens_) stage_ = Stage::kDecoding;
}

void Sequence::append(int32_t token) {
  HEARTH_CHECK(stage_ == Stage::kDecoding && past_ == known(), "a token was chosen before its logits");
  last_token_ = Clock::now();
  if (generated_tokens() == 0) first_token_ = last_token_;
  tokens_.push_back(token);
}

Finish Sequence::finish(FinishReason reason) {
  stage_ = Stage::kFinished;
  Finish finish{.reason = reason, .prompt_tokens = prompt_tokens_, .cached_tokens = cached_, .generated_tokens = generated_tokens(),
                .prompt_seconds = 0, .generate_seconds = 0, .error = {}};
  if (generated_tokens() > 0) {
    finish.prompt_seconds = std::chrono::duration<double>(first_token_ - started_).count();
    finish.generate_seconds = std::chrono::duration<double>(last_token_ - first_token_).count();
  }
  return finish;
}

}  // namespace hearth::engine
