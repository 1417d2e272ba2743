// libFuzzer target: any bytes as what a connection receives. Requests are the same however the bytes are cut.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "api/http/parser.h"
#include "base/check.h"

namespace {

using namespace hearth;
using namespace hearth::api;

// As a connection reads: what a parser leaves is offered again with more behind it. Nothing follows an error.
std::vector<Request> read_all(std::string_view bytes, size_t piece) {
  std::vector<Request> out;
  RequestParser parser(/*header_bytes=*/1 << 20, /*body_bytes=*/1 << 20);  // Beast counts a header to its bound as it is cut
  std::string waiting;
  while (true) {
    const auto taken = parser.feed(waiting);
    if (!taken) return out;
    HEARTH_CHECK(*taken <= waiting.size(), "a parser takes no more than it is offered");
    waiting.erase(0, *taken);
    if (parser.has_header() && !parser.is_done() && !parser.limit_body(/*bytes=*/1024)) return out;
    if (parser.is_done()) {
      auto request = parser.take();
      if (!request) return out;
      HEARTH_CHECK(request->body.size() <= 1024, "a body is larger than its bound");
      out.push_back(std::move(*request));
      if (!waiting.empty()) continue;
    } else if (*taken > 0 && !waiting.empty()) {
      continue;
    }
    if (bytes.empty()) return out;
    waiting += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
}

bool equal(const Header& a, const Header& b) { return a.name == b.name && a.value == b.value; }

bool equal(const Request& a, const Request& b) {
  if (a.method != b.method || a.path != b.path || a.query != b.query || a.body != b.body) return false;
  if (a.keeps_alive != b.keeps_alive || a.headers.size() != b.headers.size()) return false;
  for (size_t i = 0; i < a.headers.size(); ++i) if (!equal(a.headers[i], b.headers[i])) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::vector<Request> whole = read_all(bytes, bytes.size());
  for (const size_t piece : {1, 7}) {
    const std::vector<Request> pieces = read_all(bytes, piece);
    HEARTH_CHECK(pieces.size() == whole.size(), "a cut changes what is read");
    for (size_t i = 0; i < whole.size(); ++i) HEARTH_CHECK(equal(whole[i], pieces[i]), "a cut changes a request");
  }
  return 0;
}
