#include "api/http/router.h"

#include <algorithm>
#include <cctype>

#include "api/http/errors.h"
#include "api/http/limits.h"

namespace hearth::api {

namespace {

bool matches(const Route& route, std::string_view path) {
  if (!route.path.ends_with("/*")) return path == route.path;
  const std::string_view folder = route.path.substr(0, route.path.size() - 1);
  return path.size() > folder.size() && path.starts_with(folder);
}

bool takes(const Route& route, std::string_view method) { return route.method == method || (route.method == "GET" && method == "HEAD"); }

// Official clients send headers of their own, so what a page asks for is granted: whose page may ask was checked before.
Response preflight_response(std::string_view asked_headers) {
  const auto is_in_a_list = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == ',' || c == ' '; };
  const bool is_list = !asked_headers.empty() && std::ranges::all_of(asked_headers, is_in_a_list);
  return {.status = 204,
          .body = {},
          .headers = {{"Access-Control-Allow-Methods", "GET, POST"},
                      {"Access-Control-Allow-Headers", is_list ? std::string(asked_headers) : "authorization, content-type, x-api-key, x-request-id"},
                      {"Access-Control-Max-Age", "600"}}};
}

}  // namespace

// The strictest guard of a path counts, whatever the method, so that a path tells nothing to those without a key.
Result<void> Router::admit(const Request& request) const {
  bool is_known = false, is_open = true, is_admin = false;
  for (const Route& route : routes_) {
    if (!matches(route, request.path)) continue;
    is_known = true;
    is_open = is_open && route.guard == Guard::kOpen;
    is_admin = is_admin || route.guard == Guard::kAdmin;
  }
  if (is_admin) return access_.check_admin_key(request);
  return is_known && is_open ? Result<void>() : access_.check_key(request);
}

std::optional<size_t> Router::admits(const Request& head) const {
  if (!access_.check_place(head) || !admit(head)) return {};
  const auto is_meant = [&](const Route& route) { return matches(route, head.path) && takes(route, head.method); };
  if (std::ranges::none_of(routes_, is_meant)) return {};
  return head.method == "POST" ? Limits().body_bytes : Limits().small_body_bytes;
}

void Router::handle(std::shared_ptr<const Request> request, std::shared_ptr<ResponseWriter> writer) const {
  const auto place = access_.check_place(*request);
  if (!place) return writer->send(error_response(place.error()));
  for (auto& header : access_.headers(*request)) writer->add_header(std::move(header.name), std::move(header.value));
  if (request->method == "OPTIONS" && !request->header("access-control-request-method").empty())
    return writer->send(preflight_response(request->header("access-control-request-headers")));  // browsers send it without a key; the place was checked
  if (const auto admitted = admit(*request); !admitted) return writer->send(error_response(admitted.error()));
  std::string allowed;
  for (const Route& route : routes_) {
    if (!matches(route, request->path)) continue;
    if (takes(route, request->method)) return route.handler(std::move(request), std::move(writer));
    allowed += (allowed.empty() ? "" : ", ") + std::string(route.method);
  }
  if (allowed.empty())
    return writer->send(error_response({ErrorCode::kNotFound, fmt::format("there is nothing at {}", request->path.substr(0, 200)), {}}));
  Response response = error_response({ErrorCode::kInvalidArgument, fmt::format("{} takes {}", request->path, allowed), {}});
  response.status = 405;
  response.headers.push_back({"Allow", allowed});
  writer->send(std::move(response));
}

}  // namespace hearth::api
