#pragma once
// One HTTP request to another machine, answered whole: http and https, certificates checked, proxies as the environment names
// them. The only place that knows libcurl. Thread-safe; each call has a connection of its own and blocks its thread.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::http {

struct Header {
  std::string name, value;
};

struct Request {
  std::string url;
  std::vector<Header> headers = {};
  std::string body = {};                              // post() only
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{30'000};          // of the whole exchange
  size_t max_bytes = size_t{16} << 20;                // of the answer's body, and of its headers
  uint32_t redirects = 0;                             // that may be followed; else the redirect is the answer
  const std::atomic<bool>* is_cancelled = nullptr;    // looked at about once a second; kCancelled once it is set
};

struct Response {
  int status = 0;
  std::vector<Header> headers;                        // of the last answer, in order
  std::string body;

  std::string_view header(std::string_view name) const;  // names ignore case; "" where absent
};

// Errors: kInvalidArgument unless it is a whole address, http or https, without a password in it.
Result<void> check_url(const std::string& url);

// Any answer that arrived whole is a Response, whatever its status. Errors: those of check_url(); kInvalidArgument for headers
// with control characters; kUnavailable when nobody answers (in time); kTooLarge; kCancelled.
Result<Response> get(const Request& request);
Result<Response> post(const Request& request);

}  // namespace hearth::http
