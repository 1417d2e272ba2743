#include "apps/interrupt.h"

namespace hearth::apps {

static std::atomic<bool> g_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the flag is set in a signal handler");

InterruptFlag::InterruptFlag(Second second) {
  clear();
  struct sigaction action {};
  action.sa_handler = [](int) { g_interrupted.store(true, std::memory_order_relaxed); };
  action.sa_flags = second == Second::kEndsTheProgram ? static_cast<int>(SA_RESETHAND) : 0;  // no SA_RESTART: reads end too
  ::sigaction(SIGINT, &action, &before_);
}

InterruptFlag::~InterruptFlag() { ::sigaction(SIGINT, &before_, nullptr); }

const std::atomic<bool>& InterruptFlag::flag() const { return g_interrupted; }
void InterruptFlag::clear() { g_interrupted.store(false, std::memory_order_relaxed); }

}  // namespace hearth::apps
