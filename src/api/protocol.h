#pragma once
// What a protocol of the server is: a route, and either a plain answer or a translation of generations: JSON in, neutral
// requests out; events in, bytes out. One file per protocol (or family of routes), one line each in protocols.def.
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "api/http/message.h"
#include "api/http/router.h"
#include "base/json.h"
#include "base/result.h"
#include "service/chat_request.h"

namespace hearth::api {

struct Services;  // services.h: what plain answers may use

// A request to generate, parsed. Each ask has `choices` answers, numbered through.
struct Call {
  using Ask = std::variant<service::ChatRequest, service::CompletionRequest>;
  std::vector<Ask> asks;
  uint32_t choices = 1;
  bool is_stream = false;
  bool wants_usage = false;              // streams: counts at the end
  bool explains_miss = false;            // the answer says where the prompt left the last one
  std::vector<std::string> unknown;      // fields nobody knows, tolerated
};

// What every piece of an answer repeats, and what is to be said about it as a whole.
struct AnswerFacts {
  std::string id;                        // of the request
  std::string model;
  int64_t created = 0;                   // seconds since 1970
  uint32_t asks = 1, choices = 1;        // choices of each ask
  bool is_stream = false, wants_usage = false, explains_miss = false;
  uint32_t dropped_turns = 0, dropped_messages = 0;  // of a conversation that was too long
};

// One answer's bytes. For a stream: begin, then deltas and finishes of its choices in any order, then end. For a whole
// answer: tokens and finishes, whose bytes do not count, then whole. One thread at a time.
class Encoder {
 public:
  virtual ~Encoder() = default;
  virtual std::string begin() { return ""; }
  virtual void token(uint32_t choice, const service::TokenReport& token) {}  // before the deltas it becomes part of
  virtual std::string delta(uint32_t choice, const service::Delta& delta) = 0;
  virtual std::string finish(uint32_t choice, const service::Outcome& outcome) = 0;
  virtual std::string end() = 0;
  virtual std::string error(const Error& error) = 0;                          // in a stream, instead of all that would follow
  virtual Json whole() = 0;
};

struct Protocol {
  std::string_view name;                 // "openai_chat"
  std::string_view method, path;
  Guard guard = Guard::kKey;
  Response (*answer)(const Request& request, Services& services) = nullptr;

  // Where there is no plain answer. `defaults` is what the model's makers and the server's options say. Errors name the JSON
  // path.
  Result<Call> (*parse)(const Json& body, const service::GenerationOptions& defaults) = nullptr;
  std::unique_ptr<Encoder> (*encoder)(const AnswerFacts& facts) = nullptr;
};

std::span<const Protocol* const> protocols();  // as protocols.def lists them

}  // namespace hearth::api
