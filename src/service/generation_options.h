#pragma once
// How an answer is generated, as users write it: the options of one request, their documented defaults, and the translation
// into the engine's terms (texts become tokens).
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/options/options.h"
#include "base/result.h"
#include "engine/request.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

struct GenerationOptions {
  GenerationOptions();  // the documented defaults, for models that name none

  engine::SamplingOptions sampling;        // seed, order, breakers and bias stay empty: the texts below become them
  std::optional<uint64_t> seed;            // unset: drawn for each request
  uint32_t max_tokens = 0;                 // 0: until the model ends or the context is full
  std::vector<std::string> stop;           // the answer ends before any of these
  bool ignore_end = false;                 // go on after end-of-generation tokens
  std::string samplers;                    // names joined by commas; empty: the engine's order
  std::vector<std::string> dry_breakers;   // texts across which no repetition is counted; empty: the documented ones
  std::vector<std::string> logit_bias;     // "ID=BIAS"

  // No options of the command line.
  std::optional<uint32_t> logprobs;        // report each token, and so many of the likeliest
  std::string key;                         // who asks: keys share an engine fairly
  int32_t priority = 0;                    // higher goes first, where the engine heeds it
};

void visit(options::OptionList& v, GenerationOptions& o);

// Bounds on what a request may ask, so that no request is unboundedly expensive.
inline constexpr size_t kMaxStopStrings = 16, kMaxStopBytes = 1024;

// The engine's request without its prompt. Errors: kInvalidArgument names the option.
Result<engine::Request> engine_request(const GenerationOptions& options, const text::Tokenizer& tokenizer);

}  // namespace hearth::service
