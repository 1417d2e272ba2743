#include "engine/inbox.h"

#include <utility>

namespace hearth::engine {

RequestId Inbox::reserve_ids(uint32_t count) {
  const std::lock_guard lock(mutex_);
  return std::exchange(next_id_, next_id_ + count);
}

// Where nobody waits, nobody was refused a place for another's sake.
Inbox::Asker& Inbox::note_asker(const std::string& key) {
  if (all_waiting() == 0) keys_.clear();
  std::erase_if(keys_, [&](const auto& entry) {
    const Asker& asker = entry.second;
    return asker.waiting + asker.submitted == 0 && taken_ - asker.asked > kLately;
  });
  Asker& asker = keys_[key];
  asker.asked = taken_;
  return asker;
}

// However many keys ask without end, a newcomer finds places: k of them leave one part of k + 1 free.
bool Inbox::has_place(const Asker& asker, size_t sequences) const {
  if (all_waiting() + sequences > most_waiting_) return false;
  const uint32_t held = asker.waiting + asker.submitted, left = most_waiting_ - (all_waiting() - held);
  return keys_.size() == 1 || held < (left + 1) / 2;
}

std::optional<Inbox::Refusal> Inbox::submit(std::vector<std::unique_ptr<Sequence>>& sequences) {
  {
    const std::lock_guard lock(mutex_);
    Asker& asker = note_asker(sequences.at(0)->request().key);
    if (!has_place(asker, sequences.size())) {
      refused_ += sequences.size();
      return Refusal{all_waiting(), asker.waiting + asker.submitted};
    }
    mail_.submitted.reserve(mail_.submitted.size() + sequences.size());  // if memory runs out, none is taken
    asker.submitted += static_cast<uint32_t>(sequences.size());
    taken_ += sequences.size();
    for (auto& sequence : sequences) mail_.submitted.push_back(std::move(sequence));
  }
  came_.notify_one();
  return std::nullopt;
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
  for (auto& [key, asker] : keys_) asker.waiting += std::exchange(asker.submitted, 0);
  return std::exchange(mail_, {});
}

void Inbox::set_waiting(uint32_t sequences, const WaitingQueue::Turns& turns) {
  const std::lock_guard lock(mutex_);
  waiting_ = sequences;
  for (auto& [key, asker] : keys_) asker.waiting = 0;
  for (const WaitingQueue::Turn& turn : turns)
    if (const auto asker = keys_.find(turn.key); asker != keys_.end()) asker->second.waiting = turn.waiting;
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
