#pragma once
// Ctrl-C as a flag that the work at hand looks at, instead of the end of the program.
#include <atomic>

namespace hearth::apps {

// While it lives, SIGINT sets the flag. One at a time.
class InterruptFlag {
 public:
  enum class Second : bool { kIsIgnored, kEndsTheProgram };
  explicit InterruptFlag(Second second);
  ~InterruptFlag();
  InterruptFlag(const InterruptFlag&) = delete;
  InterruptFlag& operator=(const InterruptFlag&) = delete;

  const std::atomic<bool>& flag() const;
  bool raised() const { return flag().load(std::memory_order_relaxed); }
  void clear();
};

}  // namespace hearth::apps
