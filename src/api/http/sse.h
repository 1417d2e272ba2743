#pragma once
// Server-sent events.
#include <string>
#include <string_view>

namespace hearth::api {

constexpr std::string_view kEventStream = "text/event-stream; charset=utf-8";

// `data` must be one line, as JSON is.
inline std::string sse(std::string_view data) {
  std::string out;
  out.reserve(data.size() + 8);
  return out.append("data: ").append(data).append("\n\n");
}

}  // namespace hearth::api
