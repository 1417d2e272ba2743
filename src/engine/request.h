#pragma once
// Tokens in, tokens out: what a caller may ask of the engine, and what comes back.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/sampling/options.h"

namespace hearth::engine {

using RequestId = uint64_t;

struct Request {
  std::vector<int32_t> prompt;         // at least one token
  uint32_t max_tokens = 0;             // 0: until the context is full
  SamplingOptions sampling;
  std::vector<int32_t> stop_tokens;    // a generation ends after any of these (the token itself is still reported)
  uint32_t top_logprobs = 0;           // report so many likeliest tokens at each step (and the chosen one's log-probability)
  bool want_prompt_logits = false;     // report every prompt position's logits
  std::string key = {};                // who asks, an API key's name for example: keys share the engine fairly
  int32_t priority = 0;                // under Policy::kPriority the higher one goes first
  double deadline_seconds = 0;         // after submit: what is unfinished by then ends with kDeadline; 0: never
};

// For a model of so many tokens and a context of so many. Errors: as Engine::submit()'s, but kBusy.
Result<void> check_request(const Request& request, uint32_t vocab, uint32_t context);

struct TokenLogprob {
  int32_t token;
  float logprob;                       // of the model's own distribution, before sampling options
};

enum class FinishReason : uint8_t { kStopToken, kLength, kContext, kCancelled, kError, kDeadline };

// The prompt began like the last one of the same key, but left it before its end: from `position` on nothing could be reused.
struct PrefixMiss {
  uint32_t position = 0;               // of the first token that differs
  uint32_t first = 0;                  // position of the first token in `last` and `now`
  std::vector<int32_t> last, now;      // the tokens around `position` in the last prompt and in this one
};

// Seconds are real ones; those of stages that were not reached are 0.
struct Finish {
  FinishReason reason = FinishReason::kStopToken;
  uint32_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;
  double prompt_seconds = 0, generate_seconds = 0;   // prefill of the uncached part; first token to last
  Error error = {};                                  // kError only
  uint32_t disk_tokens = 0;                          // of the cached tokens, those that came from the disk
  uint32_t preemptions = 0;                          // times it gave way and waited again
  double queue_seconds = 0;                          // submit to start
  double first_token_seconds = 0;                    // submit to the first token
  double longest_gap_seconds = 0;                    // between two of its tokens
  std::optional<PrefixMiss> miss = {};               // why less of the prompt was cached than could have been
};

// Receives a request's events in order, on the thread that calls Engine::step. Implementations must not call the engine,
// except cancel().
class EventSink {
 public:
  virtual ~EventSink() = default;
  // Tokens of the prompt that are now in the cache, of all its tokens.
  virtual void on_prompt_progress(uint32_t done, uint32_t total) {}
  // Logits after prompt position `position` (want_prompt_logits); valid during the call.
  virtual void on_prompt_logits(uint32_t position, std::span<const float> logits) {}
  virtual void on_token(int32_t token, float logprob, std::span<const TokenLogprob> top) = 0;
  virtual void on_finish(const Finish& finish) = 0;    // once, last
};

// The seed of continuation `index` when a prompt is continued several times (Engine::submit_several): the request's own for
// the first, and unrelated streams for the others. A request alone with that seed gives the same tokens.
uint64_t continuation_seed(uint64_t seed, uint32_t index);

}  // namespace hearth::engine
