#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <string>

namespace hearth::log {

static std::atomic<Level> g_level{Level::kWarn};

void set_level(Level level) { g_level.store(level, std::memory_order_relaxed); }
Level level() { return g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view line) {
  static constexpr std::string_view kPrefix[] = {"", "warning: ", "", "debug: "};
  std::string out;
  out.reserve(line.size() + 16);
  out.append(kPrefix[static_cast<size_t>(level)]).append(line).append("\n");
  // One write call per line keeps lines of several threads whole; a log that cannot be written has nowhere to complain.
  [[maybe_unused]] ssize_t ignored = ::write(STDERR_FILENO, out.data(), out.size());
}

}  // namespace hearth::log
