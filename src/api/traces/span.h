#pragma once
// Spans as OpenTelemetry has them (opentelemetry.io/docs/specs/otel/trace), and their bytes: OTLP over HTTP as JSON. What is
// written here is numbers and names; nothing that users wrote or models answered.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace hearth::api {

using TraceId = std::array<uint8_t, 16>;
using SpanId = std::array<uint8_t, 8>;  // all zero: none

// A client's place in a trace: the header `traceparent` (www.w3.org/TR/trace-context).
struct TraceParent {
  TraceId trace{};
  SpanId span{};
  bool is_sampled = false;
};
// Nothing where the header is absent or wrong, as the standard asks.
std::optional<TraceParent> parse_trace_parent(std::string_view header);

struct Span {
  enum class Kind : uint8_t { kInternal = 1, kServer = 2 };
  struct Event {
    std::string name;
    int64_t time_ns = 0;
    Json::Object attributes = {};
  };

  TraceId trace{};
  SpanId id{}, parent{};
  std::string name;
  Kind kind = Kind::kInternal;
  int64_t begin_ns = 0, end_ns = 0;  // since 1970
  Json::Object attributes = {};      // texts, numbers, booleans and arrays of texts
  std::vector<Event> events = {};
  bool has_failed = false;
};

// ExportTraceServiceRequest (opentelemetry-proto, collector/trace/v1) of spans of one service.
Json otlp_json(std::span<const Span> spans, std::string_view service, std::string_view version);

}  // namespace hearth::api
