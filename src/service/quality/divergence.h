#pragma once
// How far a model's predictions are from a base's, over the scored windows of a text: Kullback-Leibler divergence
// sum(p_base * (log p_base - log p)) at each scored position, in nats, over the tokens that the base gives at least e^-16 of its
// likeliest one's probability; and what becomes of the likeliest and of the true token.
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

// The divergence of the distribution of `logits` from that of `base`; both of one vocabulary, finite.
double divergence(std::span<const float> base, std::span<const float> logits);

// Everything scored so far; figures are computed when asked for.
class Divergences {
 public:
  void add(std::span<const float> base, std::span<const float> logits, text::TokenId next);

  uint64_t scored() const { return divergences_.size(); }
  double mean() const;
  double error() const;                   // of the mean: its standard error
  double quantile(double share) const;    // 0.5: the median; 1: the maximum
  double same_top() const;                // share of positions with the same likeliest token, the first of equals
  double probability_rms() const;         // of the change of the true token's probability
  double perplexity() const;              // of the model itself
  double base_perplexity() const;

 private:
  std::vector<double> divergences_;
  uint64_t same_top_ = 0;
  double squared_changes_ = 0, nll_ = 0, base_nll_ = 0;
};

// Both engines have a context of `window` tokens and no prefix cache, and their models one vocabulary. Memory: half a window of
// logits. `window_done` as in measure_perplexity. Errors: kInvalidArgument when the text is shorter than one window.
Result<Divergences> measure_divergence(engine::Engine& base, engine::Engine& model, const text::Tokenizer& tokenizer,
                                       std::string_view text, uint32_t window,
                                       const std::function<bool(uint32_t done, uint32_t windows)>& window_done);

}  // namespace hearth::service
