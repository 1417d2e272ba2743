#include "api/traces/span.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::api {

namespace {

std::string hex(std::span<const uint8_t> bytes) {
  std::string out;
  for (const uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

// Lower case only, as the standard has it.
std::optional<int> digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return {};
}

bool read_hex(std::string_view text, std::span<uint8_t> out) {
  if (text.size() != 2 * out.size()) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const auto high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (!high || !low) return false;
    out[i] = static_cast<uint8_t>(*high << 4 | *low);
  }
  return true;
}

bool is_zero(std::span<const uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

// AnyValue: 64-bit integers are texts in Protobuf's JSON.
Json value_json(const Json& value) {
  if (value.is_string()) return Json::object({{"stringValue", value}});
  if (value.is_bool()) return Json::object({{"boolValue", value}});
  if (value.is_integer()) return Json::object({{"intValue", fmt::format("{}", value.as_integer())}});
  if (value.is_number()) return Json::object({{"doubleValue", value}});
  Json items = Json::array();
  for (const Json& item : value.as_array()) items.push(value_json(item));
  return Json::object({{"arrayValue", Json::object({{"values", std::move(items)}})}});
}

Json attributes_json(const Json::Object& attributes) {
  Json out = Json::array();
  for (const auto& [key, value] : attributes) out.push(Json::object({{"key", key}, {"value", value_json(value)}}));
  return out;
}

Json span_json(const Span& span) {
  Json out = Json::object({{"traceId", hex(span.trace)}, {"spanId", hex(span.id)}});
  if (!is_zero(span.parent)) out.set("parentSpanId", hex(span.parent));
  out.set("name", span.name);
  out.set("kind", static_cast<int>(span.kind));
  out.set("startTimeUnixNano", fmt::format("{}", span.begin_ns));
  out.set("endTimeUnixNano", fmt::format("{}", span.end_ns));
  out.set("attributes", attributes_json(span.attributes));
  Json events = Json::array();
  for (const Span::Event& event : span.events)
    events.push(Json::object({{"timeUnixNano", fmt::format("{}", event.time_ns)},
                              {"name", event.name},
                              {"attributes", attributes_json(event.attributes)}}));
  out.set("events", std::move(events));
  constexpr int kUnset = 0, kError = 2;
  out.set("status", Json::object({{"code", span.has_failed ? kError : kUnset}}));
  return out;
}

}  // namespace

std::optional<TraceParent> parse_trace_parent(std::string_view header) {
  constexpr size_t kLength = 55;  // version-trace-span-flags; later versions may append
  if (header.size() < kLength || header[2] != '-' || header[35] != '-' || header[52] != '-') return {};
  std::array<uint8_t, 1> version{}, flags{};
  TraceParent out;
  if (!read_hex(header.substr(0, 2), version) || !read_hex(header.substr(3, 32), out.trace) ||
      !read_hex(header.substr(36, 16), out.span) || !read_hex(header.substr(53, 2), flags))
    return {};
  const bool has_more = header.size() > kLength;
  if (version[0] == 0xff || (has_more && (version[0] == 0 || header[kLength] != '-'))) return {};
  if (is_zero(out.trace) || is_zero(out.span)) return {};
  out.is_sampled = (flags[0] & 1) != 0;
  return out;
}

Json otlp_json(std::span<const Span> spans, std::string_view service, std::string_view version) {
  Json list = Json::array();
  for (const Span& span : spans) list.push(span_json(span));
  Json scope = Json::object({{"scope", Json::object({{"name", "hearth"}, {"version", version}})}, {"spans", std::move(list)}});
  Json resource = Json::object({{"attributes", attributes_json({{"service.name", service}, {"service.version", version}})}});
  return Json::object({{"resourceSpans", Json::Array{Json::object({{"resource", std::move(resource)},
                                                                   {"scopeSpans", Json::Array{std::move(scope)}}})}}});
}

}  // namespace hearth::api
