#pragma once
// From a request to the function that answers it: place, key, route, in this order. A route says who may call it; one that
// says nothing needs a key, and so does a path that is no route.
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "api/http/access.h"
#include "api/http/message.h"

namespace hearth::api {

enum class Guard : uint8_t { kKey, kOpen, kAdmin };

struct Route {
  std::string_view method;   // "GET" answers HEAD as well
  std::string_view path;     // "/v1/models"; one that ends with "/*" takes whatever follows
  Guard guard = Guard::kKey;
  Handler handler;
};

class Router {
 public:
  Router(const AccessOptions& access, std::vector<Route> routes) : access_(access), routes_(std::move(routes)) {}

  // How many bytes the body of a request may have that handle() lets through to a route; nothing for others.
  std::optional<size_t> admits(const Request& head) const;
  void handle(std::shared_ptr<const Request> request, std::shared_ptr<ResponseWriter> writer) const;
  std::span<const Route> routes() const { return routes_; }

 private:
  Result<void> admit(const Request& request) const;

  const Access access_;
  const std::vector<Route> routes_;
};

}  // namespace hearth::api
