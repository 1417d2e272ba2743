#pragma once
// Who may ask: keys, and where a browser's page may come from. Keys are kept as SHA-256 digests and compared in constant time.
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"
#include "base/result.h"

namespace hearth::api {

struct AccessOptions {
  std::vector<std::string> keys, admin_keys;  // no keys: open; no admin keys: admin routes are off
  bool checks_host = true;                    // against DNS rebinding: on loopback, where no key need stand between
  std::vector<std::string> hosts;             // allowed beside localhost, 127.x.x.x and [::1]
  std::vector<std::string> origins;           // of pages allowed beside those of the server itself; "*" is any
};

using KeyDigest = std::array<unsigned char, 32>;

class KeySet {
 public:
  explicit KeySet(const std::vector<std::string>& keys);
  bool empty() const { return digests_.empty(); }
  bool contains(std::string_view key) const;  // looks at every key, whatever it finds

 private:
  std::vector<KeyDigest> digests_;
};

class Access {
 public:
  explicit Access(const AccessOptions& options);

  // Host and Origin, before anything else. Errors: kForbidden.
  Result<void> check_place(const Request& request) const;

  // Errors: kUnauthorized, and kForbidden for admin routes that are off.
  Result<void> check_key(const Request& request) const;
  Result<void> check_admin_key(const Request& request) const;

  // The Access-Control-* headers of every answer to a page of another origin; never with credentials.
  std::vector<Header> headers(const Request& request) const;

 private:
  bool allows_host(std::string_view host) const;
  bool is_foreign(const Request& request) const;

  KeySet keys_, admin_keys_;
  AccessOptions options_;  // without its keys
};

// Names the key that a request carries without telling it; "" without one. Clients share an engine fairly by it.
std::string client_key(const Request& request);

bool is_loopback(std::string_view host);  // "localhost", "127.0.0.1", "::1", "[::1]", without a port

}  // namespace hearth::api
