#include "engine/inbox.h"

namespace hearth::engine {

RequestId Inbox::reserve_ids(uint32_t count) {
  const std::lock_guard lock(mutex_);
  return std::exchange(next_id_, next_id_ + count);
}

bool Inbox::submit(std::vector<std::unique_ptr<Sequence>>& sequences) {
  {
    const std::lock_guard lock(mutex_);
    if (waiting_ + mail_.submitted.size() + sequences.size() > most_waiting_) {
      refused_ += sequences.size();
      return false;
    }
    mail_.submitted.reserve(mail_.submitted.size() + sequences.size());  // if memory runs out, none is taken
    for (auto& sequence : sequences) mail_.submitted.push_back(std::move(sequence));
  }
  came_.notify_one();
  return true;
}

void Inbox::cancel(RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    mail_.cancelled.push_back(id);
  }
  came_.notify_one();
}

Inbox::Mail Inbox::take() {
  const std::lock_guard lock(mutex_);
  waiting_ += mail_.submitted.size();
  return std::exchange(mail_, {});
}

void Inbox::set_waiting(uint32_t sequences) {
  const std::lock_guard lock(mutex_);
  waiting_ = sequences;
}

bool Inbox::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, timeout, [&] { return has_mail() || is_woken_; });
  is_woken_ = false;
  return has_mail();
}

void Inbox::wake() {
  {
    const std::lock_guard lock(mutex_);
    is_woken_ = true;
  }
  came_.notify_one();
}

uint64_t Inbox::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace hearth::engine
