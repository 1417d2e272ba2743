#pragma once
// What one client may cost at most. Every bound on requests and connections stands here; the sampling options bring their
// own ranges (service/generation_options.h), and base/json.h bounds the nesting of JSON.
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace hearth::api {

struct Limits {
  // Bytes of one request.
  size_t header_bytes = 16 << 10;          // request line and headers
  size_t body_bytes = size_t{32} << 20;
  size_t small_body_bytes = 4 << 10;       // where no body is wanted
  size_t json_values = size_t{2} << 20;    // of a body: as many token ids, and some hundred MB in memory
  // Fields of one request.
  uint32_t choices = 64;                   // n times prompts
  uint32_t prompts = 64;
  uint32_t messages = 16384, tools = 1024;
  uint32_t top_logprobs = 20;
  uint32_t logit_biases = 1024;
  uint32_t template_variables = 32;
  int64_t max_tokens = 1 << 24;
  size_t logprobs = 1 << 20;               // of an answer that is not streamed, likeliest tokens among them: some 500 MB
  size_t work_bytes = size_t{256} << 20;   // of all requests that wait for a worker; each counts as 64 KB at least
  // Bodies on their way in, of all connections (body_room.h).
  size_t free_body_bytes = 128 << 10;      // of every body; what is smaller never waits
  size_t arriving_bytes = size_t{256} << 20;       // of all larger ones, as announced, or the most where they come in chunks
  // Connections.
  uint32_t connections = 1024;
  size_t unread_bytes = 1 << 20;           // of an answer, held for a client that reads too slowly
  std::chrono::milliseconds header_time{10'000};   // from the first byte (or a TLS handshake's begin) to the last header
  std::chrono::milliseconds room_time{20'000};     // for a body to find room, before it is read
  std::chrono::milliseconds body_time{60'000};
  std::chrono::milliseconds idle_time{75'000};     // between requests of one connection
  std::chrono::milliseconds write_time{30'000};    // for a client to take what was sent
  std::chrono::milliseconds ping_time{30'000};     // a stream without news sends a comment
};

}  // namespace hearth::api
