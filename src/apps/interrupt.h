#pragma once
// Ctrl-C as a flag that the work at hand looks at, instead of the end of the program.
#include <signal.h>

#include <atomic>

namespace hearth::apps {

// While it lives, SIGINT sets the flag, which all of these share; the last one made decides what a second SIGINT does.
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

 private:
  struct sigaction before_ {};
};

}  // namespace hearth::apps
