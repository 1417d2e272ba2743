#pragma once
// Tokens in, tokens out: what a caller may ask of the engine, and what comes back.
#include <cstdint>
#include <span>
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
};

struct TokenLogprob {
  int32_t token;
  float logprob;                       // of the model's own distribution, before sampling options
};

enum class FinishReason : uint8_t { kStopToken, kLength, kContext, kCancelled, kError };

struct Finish {
  FinishReason reason = FinishReason::kStopToken;
  uint32_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;
  double prompt_seconds = 0, generate_seconds = 0;   // prefill of the uncached part; first token to last
  Error error;                         // kError only
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

}  // namespace hearth::engine
