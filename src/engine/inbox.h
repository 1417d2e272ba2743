#pragma once
// What other threads want of the engine, until the thread that steps takes it in; and where that thread sleeps.
// Every function may be called from any thread.
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/sequence.h"
#include "engine/waiting_queue.h"

namespace hearth::engine {

class Inbox {
 public:
  explicit Inbox(uint32_t most_waiting) : most_waiting_(most_waiting) {}

  RequestId reserve_ids(uint32_t count);  // the first of `count` consecutive ones
  // Takes all, which are of one key, or none: when more than `most_waiting` would wait, here and in the scheduler, or when
  // others have asked lately and the key holds half of the places that they leave.
  struct Refusal {
    uint32_t waiting = 0, of_key = 0;  // of all keys and of this one
  };
  std::optional<Refusal> submit(std::vector<std::unique_ptr<Sequence>>& sequences);
  void cancel(RequestId id);

  struct Mail {
    std::vector<std::unique_ptr<Sequence>> submitted;  // in order of submission
    std::vector<RequestId> cancelled;
  };
  Mail take();  // what was submitted counts as waiting from here on
  void set_waiting(uint32_t sequences, const WaitingQueue::Turns& turns);  // those that wait in the scheduler

  bool wait(std::chrono::milliseconds timeout);  // until mail comes (true), the time is over or wake() was called (false)
  void wake();                                   // ends the wait under way, or the next one
  uint64_t refused() const;                      // sequences that submit() did not take

 private:
  static constexpr uint64_t kLately = 256;
  struct Asker {
    uint32_t waiting = 0, submitted = 0;  // in the scheduler; here
    uint64_t asked = 0;                   // when it did last: so many sequences had been taken
  };
  Asker& note_asker(const std::string& key);
  bool has_place(const Asker& asker, size_t sequences) const;
  uint32_t all_waiting() const { return static_cast<uint32_t>(waiting_ + mail_.submitted.size()); }
  bool has_mail() const { return !mail_.submitted.empty() || !mail_.cancelled.empty(); }

  const uint32_t most_waiting_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable came_;
  Mail mail_;
  RequestId next_id_ = 1;
  uint64_t waiting_ = 0, refused_ = 0, taken_ = 0;
  std::unordered_map<std::string, Asker> keys_;  // that wait, or have asked while the last kLately sequences were taken
  bool is_woken_ = false;
};

}  // namespace hearth::engine
