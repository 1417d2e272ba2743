#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <string>

#include "base/json.h"
#include "base/utf8.h"

namespace hearth::log {

static std::atomic<Level> g_level{Level::kWarn};
static std::atomic<Format> g_format{Format::kText};

void set_level(Level level) { g_level.store(level, std::memory_order_relaxed); }
void set_format(Format format) { g_format.store(format, std::memory_order_relaxed); }
Level level() { return g_level.load(std::memory_order_relaxed); }

// "2026-01-31T12:00:00.123Z"
static std::string time_text() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return fmt::format("{}.{:03}Z", std::string_view(text, length), milliseconds % 1000);
}

static std::string json_line(Level level, std::string_view message, const Json& fields) {
  static constexpr std::string_view kNames[] = {"quiet", "warn", "info", "debug"};
  Json line = Json::object({{"time", time_text()}, {"level", kNames[static_cast<size_t>(level)]}, {"message", message}});
  if (fields.is_object())
    for (const auto& [name, value] : fields.as_object()) line.set(name, value);
  return line.dump();
}

static std::string text_line(Level level, std::string_view message, const Json& fields) {
  static constexpr std::string_view kPrefix[] = {"", "warning: ", "", "debug: "};
  std::string out(kPrefix[static_cast<size_t>(level)]);
  out += utf8::plain(message);  // sentences of files and requests may hold anything
  if (fields.is_object())
    for (const auto& [name, value] : fields.as_object()) out.append(" ").append(name).append("=").append(value.dump());
  return out;
}

void event(Level level, std::string_view message, const Json& fields) {
  if (log::level() < level) return;
  const bool as_json = g_format.load(std::memory_order_relaxed) == Format::kJson;
  const std::string out = (as_json ? json_line(level, message, fields) : text_line(level, message, fields)) + "\n";
  // One write call per line keeps lines of several threads whole; a log that cannot be written has nowhere to complain.
  [[maybe_unused]] ssize_t ignored = ::write(STDERR_FILENO, out.data(), out.size());
}

void write(Level level, std::string_view line) { event(level, line, Json()); }

}  // namespace hearth::log
