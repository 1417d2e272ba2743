#include "api/http/access.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <span>

namespace hearth::api {

static KeyDigest digest(std::string_view key) {
  KeyDigest out;
  ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), out.data());
  return out;
}

KeySet::KeySet(const std::vector<std::string>& keys) {
  for (const auto& key : keys) digests_.push_back(digest(key));
}

bool KeySet::contains(std::string_view key) const {
  const KeyDigest given = digest(key);
  unsigned found = 0;
  for (const KeyDigest& known : digests_) found |= ::CRYPTO_memcmp(known.data(), given.data(), given.size()) == 0 ? 1u : 0u;
  return found != 0;
}

Access::Access(const AccessOptions& options) : keys_(options.keys), admin_keys_(options.admin_keys), options_(options) {
  options_.keys.clear();
  options_.admin_keys.clear();
}

namespace {

// "[::1]:8080" -> "[::1]", "localhost:8080" -> "localhost"
std::string_view without_port(std::string_view host) {
  const size_t colon = host.rfind(':');
  const size_t bracket = host.rfind(']');
  return colon == host.npos || (bracket != host.npos && colon < bracket) ? host : host.substr(0, colon);
}

// Everything behind the scheme of an origin: "http://localhost:3000" -> "localhost:3000"
std::string_view authority(std::string_view origin) {
  const size_t slashes = origin.find("://");
  return slashes == origin.npos ? std::string_view() : origin.substr(slashes + 3);
}

std::string_view given_key(const Request& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view authorization = request.header("authorization");
  if (authorization.size() > kScheme.size() && equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme))
    return authorization.substr(kScheme.size());
  return request.header("x-api-key");
}

bool lists(const std::vector<std::string>& list, std::string_view value) {
  return std::ranges::any_of(list, [&](const std::string& item) { return equal_ignoring_case(item, value); });
}

}  // namespace

std::string client_key(const Request& request) {
  const std::string_view key = given_key(request);
  if (key.empty()) return "";
  const KeyDigest hashed = digest(key);
  return fmt::format("{:02x}", fmt::join(std::span(hashed).first(8), ""));
}

bool is_loopback(std::string_view host) {
  if (equal_ignoring_case(host, "localhost") || host == "[::1]" || host == "::1") return true;
  return host.starts_with("127.") && std::ranges::count(host, '.') == 3 && host.find_first_not_of("0123456789.") == host.npos;
}

bool Access::allows_host(std::string_view host) const {
  return is_loopback(without_port(host)) || lists(options_.hosts, host) || lists(options_.hosts, without_port(host));
}

bool Access::is_foreign(const Request& request) const {
  const std::string_view origin = request.header("origin");
  return !origin.empty() && !equal_ignoring_case(authority(origin), request.header("host"));
}

Result<void> Access::check_place(const Request& request) const {
  const std::string_view host = request.header("host"), origin = request.header("origin");
  if (options_.checks_host && !allows_host(host))
    return fail(ErrorCode::kForbidden, "the host '{}' is not one of this server's names; allow it with --allow-host", host.substr(0, 200));
  if (is_foreign(request) && !lists(options_.origins, "*") && !lists(options_.origins, origin))
    return fail(ErrorCode::kForbidden, "pages of '{}' may not ask this server; allow them with --allow-origin", origin.substr(0, 200));
  return {};
}

Result<void> Access::check_key(const Request& request) const {
  if (keys_.empty() || keys_.contains(given_key(request))) return {};
  return fail(ErrorCode::kUnauthorized, "this server needs an API key: send it as 'Authorization: Bearer KEY' or 'x-api-key: KEY'");
}

Result<void> Access::check_admin_key(const Request& request) const {
  if (admin_keys_.empty()) return fail(ErrorCode::kForbidden, "administration is off; the server has no --admin-key");
  if (admin_keys_.contains(given_key(request))) return {};
  return fail(ErrorCode::kUnauthorized, "this needs the administrator's key: send it as 'Authorization: Bearer KEY'");
}

std::vector<Header> Access::headers(const Request& request) const {
  if (!is_foreign(request)) return {};
  const bool any = lists(options_.origins, "*");
  return {{"Access-Control-Allow-Origin", any ? "*" : std::string(request.header("origin"))},
          {"Vary", "Origin"},
          {"Access-Control-Expose-Headers", "x-request-id, retry-after"}};
}

}  // namespace hearth::api
