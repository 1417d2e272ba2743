#pragma once
// What the routes of one server share.
#include <functional>
#include <memory>

#include "api/http/server.h"
#include "api/metrics.h"
#include "api/protocol.h"
#include "service/model_library.h"

namespace hearth::api {

class Exporter;  // traces/exporter.h

enum class Overflow : uint8_t { kRefuse, kTruncateOldestTurns };  // of a conversation longer than the context

struct Services {
  service::ModelLibrary& library;
  Metrics& metrics;
  Server& server;
  Overflow overflow = Overflow::kRefuse;
  bool normalizes_prompts = false;  // service/volatile_prefix.h
  bool explains_misses = false;     // in the log, with both texts
  bool has_keys = false;            // clients are told apart, so that an answer may show what the last prompt of its key said
  std::atomic<bool> is_draining{false};
  Exporter* traces = nullptr;  // null: requests are not traced
};

// The routes of protocols.def over these services, which must outlive the router.
Router make_router(const AccessOptions& access, Services& services);

}  // namespace hearth::api
