#pragma once
// Fetches tensors from the disk ahead of those who pack them, front to back: the disk always has the next request, and large
// ones, while page faults of packing threads would ask for little at a time. Costs next to nothing when files are cached.
#include <atomic>
#include <thread>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace hearth::model {

class ReadAhead {
 public:
  // Fetches on a thread of its own until done or destroyed. `files` outlives it.
  ReadAhead(const checkpoint::Checkpoint& files, std::vector<const checkpoint::TensorInfo*> tensors);
  ~ReadAhead();

 private:
  void fetch(const checkpoint::TensorInfo& tensor) const;

  const checkpoint::Checkpoint& files_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace hearth::model
