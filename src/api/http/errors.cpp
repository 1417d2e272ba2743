#include "api/http/errors.h"

#include <algorithm>

namespace hearth::api {

// The words that OpenAI's and llama.cpp's clients look for.
static std::string_view error_type(ErrorCode code) {
  switch (code) {
    case ErrorCode::kContextExceeded: return "exceed_context_size_error";
    case ErrorCode::kUnauthorized: return "authentication_error";
    case ErrorCode::kForbidden: return "permission_error";
    case ErrorCode::kNotFound: return "not_found_error";
    case ErrorCode::kBusy: return "rate_limit_error";
    case ErrorCode::kUnavailable: return "unavailable_error";
    case ErrorCode::kUnsupported: return "not_supported_error";
    default: return error_facts(code).http_status < 500 ? "invalid_request_error" : "server_error";
  }
}

Json error_json(const Error& error) {
  const ErrorFacts& facts = error_facts(error.code);
  const bool names_place = error.message.starts_with(error.where);  // as sentences about JSON paths do
  Json body = Json::object({{"message", names_place ? error.message : error.text()}, {"type", error_type(error.code)}});
  body.set("param", names_place && !error.where.empty() ? Json(error.where) : Json());
  body.set("code", facts.name);
  if (error.code == ErrorCode::kContextExceeded) {
    body.set("n_prompt_tokens", static_cast<int64_t>(error.asked));
    body.set("n_ctx", static_cast<int64_t>(error.granted));
  }
  return Json::object({{"error", std::move(body)}});
}

Response error_response(const Error& error) {
  Response response{.status = error_facts(error.code).http_status, .body = error_json(error).dump()};
  if (response.status == 429 || response.status == 503)
    response.headers.push_back({"Retry-After", fmt::format("{}", std::max(1u, error.retry_after_seconds))});
  if (error.code == ErrorCode::kUnsupported)
    response.headers.push_back({"x-should-retry", "false"});  // official clients ask again after any other 5xx
  if (error.code == ErrorCode::kUnauthorized) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  return response;
}

}  // namespace hearth::api
