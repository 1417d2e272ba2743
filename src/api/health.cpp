// Is the server alive, and is it ready for requests? Open to everyone, as orchestrators ask without a key; and /metrics.
#include "api/http/errors.h"
#include "api/services.h"

namespace hearth::api {

namespace {

Response ok() { return {.body = R"({"status":"ok"})"}; }

// 503 until the first model is loaded: clients wait for it before they send anything.
Response health(const Request&, Services& services) {
  return services.is_draining || services.library.is_ready() ? ok() : error_response({ErrorCode::kUnavailable, "Loading model", {}});
}

// As health, and not while draining: no further requests, please.
Response ready(const Request&, Services& services) {
  if (services.is_draining) return error_response({ErrorCode::kUnavailable, "the server is shutting down", {}});
  return health({}, services);
}

Response metrics(const Request&, Services& services) {
  return {.body = services.metrics.text(services.library.list(), services.library.options().model.page_size),
          .content_type = "text/plain; version=0.0.4; charset=utf-8"};
}

}  // namespace

extern const Protocol kHealth{.name = "health", .method = "GET", .path = "/health", .guard = Guard::kOpen, .answer = &health};
extern const Protocol kReady{.name = "ready", .method = "GET", .path = "/ready", .guard = Guard::kOpen, .answer = &ready};
extern const Protocol kMetrics{.name = "metrics", .method = "GET", .path = "/metrics", .answer = &metrics};

}  // namespace hearth::api
