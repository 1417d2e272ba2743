#pragma once
// Bytes of a connection to requests, strictly and within bounds. The only place that knows Boost.Beast.
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "api/http/message.h"
#include "base/result.h"

namespace hearth::api {

class RequestParser {
 public:
  RequestParser(size_t header_bytes, size_t body_bytes);  // the most it takes
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;

  // Takes bytes from the front and returns how many; the rest must be offered again, with more behind it. After an error
  // the connection cannot go on. Errors: kInvalidArgument for what is no HTTP, kTooLarge.
  Result<size_t> feed(std::string_view bytes);

  bool has_header() const;
  bool is_done() const;
  bool expects_continue() const;  // the client waits for "100 Continue" before it sends the body

  // A bound for the body of the present request, once the header is there. Errors: kTooLarge if it is announced to be larger.
  Result<void> limit_body(size_t bytes);

  std::optional<size_t> announced_body() const;  // its bytes; nothing: it comes in chunks, or there is none
  size_t arrived_body() const;                   // bytes

  // The request without its body, once the header is there. Its id is not set. Errors: kInvalidArgument for a target that is no path
  // or a missing or doubled Host.
  Result<Request> head() const;
  Result<Request> take();  // whole, once done; the parser is then ready for the next

 private:
  struct Parser;
  size_t header_bytes_, body_bytes_;
  size_t body_limit_;  // of the present request
  std::unique_ptr<Parser> parser_;
};

}  // namespace hearth::api
