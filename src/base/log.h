#pragma once
// What the engine says about itself: one line per event on standard error, levels quiet < warn < info < debug.
// Thread-safe. The level is set once at start from --log-level / HEARTH_LOG_LEVEL.
#include <fmt/core.h>

#include <cstdint>
#include <string_view>

namespace hearth {
class Json;
}

namespace hearth::log {

enum class Level : uint8_t { kQuiet, kWarn, kInfo, kDebug };

enum class Format : uint8_t { kText, kJson };  // of lines: as people read them, or an object with time, level and message

void set_level(Level level);
void set_format(Format format);
Level level();
void write(Level level, std::string_view line);
void event(Level level, std::string_view message, const Json& fields);  // with named values; never what users wrote

template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kWarn) write(Level::kWarn, fmt::vformat(format, fmt::make_format_args(args...)));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kInfo) write(Level::kInfo, fmt::vformat(format, fmt::make_format_args(args...)));
}
template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (level() >= Level::kDebug) write(Level::kDebug, fmt::vformat(format, fmt::make_format_args(args...)));
}

}  // namespace hearth::log
