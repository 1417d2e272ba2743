#pragma once
// What other threads want of the engine, until the thread that steps takes it in; and where that thread sleeps.
// Every function may be called from any thread.
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/sequence.h"

namespace hearth::engine {

class Inbox {
 public:
  explicit Inbox(uint32_t most_waiting) : most_waiting_(most_waiting) {}

  RequestId reserve_ids(uint32_t count);  // the first of `count` consecutive ones
  // All or none; false when more than `most_waiting` would wait, here and in the scheduler.
  bool submit(std::vector<std::unique_ptr<Sequence>>& sequences);
  void cancel(RequestId id);

  struct Mail {
    std::vector<std::unique_ptr<Sequence>> submitted;  // in order of submission
    std::vector<RequestId> cancelled;
  };
  Mail take();                           // what was submitted counts as waiting from here on
  void set_waiting(uint32_t sequences);  // those that wait in the scheduler

  bool wait(std::chrono::milliseconds timeout);  // until mail comes (true), the time is over or wake() was called (false)
  void wake();                                   // ends the wait under way, or the next one
  uint64_t refused() const;                      // sequences that submit() did not take

 private:
  bool has_mail() const { return !mail_.submitted.empty() || !mail_.cancelled.empty(); }

  const uint32_t most_waiting_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable came_;
  Mail mail_;
  RequestId next_id_ = 1;
  uint64_t waiting_ = 0, refused_ = 0;
  bool is_woken_ = false;
};

}  // namespace hearth::engine
