#pragma once
// The tokens that may still be chosen, and their logits. Starts as the whole vocabulary, seen in place; becomes a list when a
// sampler removes tokens. Nothing of vocabulary size is sorted unless a sampler asks for that many in order.
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/sampling/distribution.h"

namespace hearth::engine {

struct Candidate {
  int32_t token;
  float logit;
};

class Candidates {
 public:
  // Every token of the vocabulary, with logits of this distribution, which are never written to and must live until the next reset.
  void reset(std::span<const float> logits, const Distribution& distribution);

  bool is_whole() const { return is_whole_; }  // no token was removed yet
  size_t size() const { return is_whole_ ? logits_.size() : list_.size(); }

  std::span<const float> logits() const { return logits_; }     // is_whole(): by token
  std::span<const Candidate> list() const { return list_; }     // !is_whole(): in any order
  float best();                                                 // the largest logit

  // The best min(count, size()), best first; among equals the lower token. Valid until the next call that is not const.
  std::span<const Candidate> ranked(size_t count);

  // Calls f(token, logit&) for every candidate that is among `tokens`, maybe repeatedly, and maybe for others.
  template <class F>
  void edit(std::span<const int32_t> tokens, F f) {
    if (is_whole_) {
      const std::span<float> logits = own_logits();
      for (const int32_t token : tokens) f(token, logits[static_cast<size_t>(token)]);
    } else {
      for (Candidate& candidate : list_) f(candidate.token, candidate.logit);
      ranked_ = 0;
    }
  }
  void scale(float factor);  // all logits; factor > 0

  void keep_best(size_t count);                             // at least one
  void keep_from(float lowest_logit, size_t at_least);      // logits >= lowest_logit, and in any case the best `at_least`
  void drop_best(size_t count);                             // all but the best `count`
  void replace(std::span<const Candidate> chosen);          // a part of the candidates

  double mass();  // sum of exp(logit - best())

  // The token at which the running sum first exceeds `uniform` of the mass (0 <= uniform < 1). The mass must not be 0.
  struct Draw {
    int32_t token;
    double probability;
  };
  Draw draw(double uniform);

  // A counter for each token of the vocabulary, for samplers that count; whoever uses it leaves it zero.
  std::span<uint32_t> counters();

 private:
  std::span<float> own_logits();
  const Distribution& whole();
  void select(size_t count);  // the best of the whole vocabulary into list_, in order
  double weigh();             // the list: exp(logit - best()) into weights_; returns their sum
  Draw draw_from_whole(double uniform);

  bool is_whole_ = true;
  std::span<const float> logits_;
  std::optional<Distribution> distribution_;  // of logits_, once known
  std::vector<float> own_;         // written-to copy of the logits
  std::vector<Candidate> list_;    // is_whole_: the best `ranked_`
  size_t ranked_ = 0;              // so many of list_ are the best, in order
  std::vector<float> weights_;
  std::vector<uint32_t> counters_;
};

}  // namespace hearth::engine
