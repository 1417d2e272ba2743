#pragma once
// A text as a measurement of quality reads it: tokenized once, with BOS if the model adds one and control tokens as plain text;
// windows of n tokens that do not overlap, the tail dropped; where the model adds BOS, a window's first token is replaced by it;
// positions n/2 ... n-2 of a window each predict the next token and are scored.
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

class ScoredWindows {
 public:
  // Errors: kInvalidArgument when the text is shorter than one window.
  static Result<ScoredWindows> cut(const text::Tokenizer& tokenizer, std::string_view text, uint32_t window);

  uint32_t count() const { return static_cast<uint32_t>(tokens_.size() / window_); }
  uint32_t dropped() const { return static_cast<uint32_t>(tokens_.size() % window_); }
  uint32_t scored_in_window() const { return window_ - 1 - window_ / 2; }

  // Runs window `index` through an engine that has a context of a window and no prefix cache. `scored` hears, in order, the logits at
  // each scored position, valid during the call, and the token that follows. Errors: the engine's.
  using Scored = std::function<void(std::span<const float> logits, text::TokenId next)>;
  Result<void> run(engine::Engine& engine, uint32_t index, const Scored& scored) const;

 private:
  ScoredWindows(std::vector<text::TokenId> tokens, uint32_t window) : tokens_(std::move(tokens)), window_(window) {}

  std::vector<text::TokenId> tokens_;
  uint32_t window_;
};

// log(sum(exp(logits))), by which a logit becomes a log-probability.
double log_normalizer(std::span<const float> logits);

}  // namespace hearth::service
