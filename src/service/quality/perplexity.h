#pragma once
// Perplexity of a text over its scored windows, defined so that numbers compare between engines.
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

struct Perplexity {
  double value = 0;           // exp(mean negative log-likelihood)
  double error = 0;           // value * sqrt((mean of squares - square of mean) / (count - 1))
  uint64_t scored = 0;        // tokens
  uint32_t windows = 0;
  uint32_t dropped = 0;       // tokens of the tail
  double seconds = 0;
};

// The engine needs a context of `window` tokens and no prefix cache. `window_done` hears the perplexity so far after each
// window; returning false ends the measurement with kCancelled. Errors: kInvalidArgument when the text is shorter than one
// window.
Result<Perplexity> measure_perplexity(engine::Engine& engine, const text::Tokenizer& tokenizer, std::string_view text,
                                      uint32_t window,
                                      const std::function<bool(const Perplexity& so_far, uint32_t windows)>& window_done);

}  // namespace hearth::service
