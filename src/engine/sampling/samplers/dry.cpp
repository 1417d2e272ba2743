// dry, "don't repeat yourself" (p-e-w 2024): if the end of the history, n >= allowed_length tokens long, occurred before, the
// token that followed then is penalized by multiplier * base^(n - allowed_length). Matches do not reach back across a
// breaker, and a breaker of one token is never penalized.
#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

constexpr size_t kMostBreakers = 65536, kLongestBreaker = 64;

class Dry final : public Sampler {
 public:
  Dry(const SamplingOptions& o, uint32_t vocab)
      : multiplier_(o.dry_multiplier), base_(o.dry_base), allowed_length_(o.dry_allowed_length), last_n_(o.dry_penalty_last_n),
        starts_breaker_(vocab), is_breaker_(vocab) {
    for (const int32_t token : o.dry_breaker_tokens)  // of the tokenizer, which may know more than the model
      if (static_cast<uint32_t>(token) < vocab) is_breaker_[static_cast<size_t>(token)] = true;
    for (const auto& breaker : o.dry_breakers) {
      if (breaker.size() == 1) is_breaker_[static_cast<size_t>(breaker[0])] = true;
      else breakers_.emplace(breaker[0], breaker), starts_breaker_[static_cast<size_t>(breaker[0])] = true;
    }
  }

  void apply(Turn& turn) override {
    const std::span<const int32_t> window = newest(turn.history, last_n_);
    const size_t longest = tokens_after_last_breaker(window);
    if (longest < std::max<size_t>(allowed_length_, 1) || window.size() <= allowed_length_) return;
    measure_repeats(window);

    const std::span<uint32_t> lengths = turn.candidates.counters();  // of the longest match that a token would extend
    for (size_t k = 1; k < window.size(); ++k) {  // the match ends k tokens before the end, so its next token is:
      const auto next = static_cast<size_t>(window[window.size() - k]);
      const auto length = static_cast<uint32_t>(std::min<size_t>(repeats_[k], longest));
      if (length >= std::max(allowed_length_, 1u) && !is_breaker_[next]) lengths[next] = std::max(lengths[next], length);
    }
    turn.candidates.edit(window, [&](int32_t token, float& logit) {
      uint32_t& length = lengths[static_cast<size_t>(token)];
      if (length > 0) logit -= penalty(length);
      length = 0;
    });
    for (const int32_t token : window) lengths[static_cast<size_t>(token)] = 0;  // those that are no candidates
  }

 private:
  float penalty(uint32_t length) const {
    return static_cast<float>(std::min(multiplier_ * std::pow(base_, length - allowed_length_), 1e30));
  }

  // Tokens behind the breaker that ends last; all where there is none.
  size_t tokens_after_last_breaker(std::span<const int32_t> window) const {
    size_t after = window.size();
    for (size_t start = window.size(); start-- > 0 && window.size() - start <= after + kLongestBreaker;) {
      if (is_breaker_[static_cast<size_t>(window[start])]) after = std::min(after, window.size() - start - 1);
      if (!starts_breaker_[static_cast<size_t>(window[start])]) continue;
      const auto [first, last] = breakers_.equal_range(window[start]);
      for (auto it = first; it != last; ++it) {
        const std::vector<int32_t>& breaker = it->second;
        if (breaker.size() > window.size() - start || !std::equal(breaker.begin(), breaker.end(), window.begin() + static_cast<ptrdiff_t>(start))) continue;
        after = std::min(after, window.size() - start - breaker.size());
      }
    }
    return after;
  }

  // repeats_[k]: how many tokens before position size - k equal those at the end: the Z function of the reversed window
  // (Gusfield 1997), linear in its length.
  void measure_repeats(std::span<const int32_t> window) {
    const size_t size = window.size();
    const auto reversed = [&](size_t i) { return window[size - 1 - i]; };
    repeats_.assign(size, 0);
    for (size_t k = 1, left = 0, right = 0; k < size; ++k) {  // [left, right): the known match that reaches furthest
      size_t length = k < right ? std::min<size_t>(right - k, repeats_[k - left]) : 0;
      while (k + length < size && reversed(length) == reversed(k + length)) ++length;
      repeats_[k] = static_cast<uint32_t>(length);
      if (k + length > right) {
        left = k;
        right = k + length;
      }
    }
  }

  const double multiplier_, base_;
  const uint32_t allowed_length_;
  const int32_t last_n_;
  std::unordered_multimap<int32_t, std::vector<int32_t>> breakers_;  // of several tokens, by the first
  std::vector<bool> starts_breaker_, is_breaker_;                    // [token]
  std::vector<uint32_t> repeats_;
};

Result<void> check(const SamplingOptions& o, uint32_t vocab) {
  HEARTH_TRY_VOID(check_range("dry_multiplier", o.dry_multiplier, 0, 1000));
  HEARTH_TRY_VOID(check_range("dry_base", o.dry_base, 1, 1000));
  HEARTH_TRY_VOID(check_range("dry_penalty_last_n", o.dry_penalty_last_n, -1, INT32_MAX));
  HEARTH_TRY_VOID(check_range("dry_breakers (their number)", static_cast<double>(o.dry_breakers.size()), 0, kMostBreakers));
  for (const auto& breaker : o.dry_breakers) {
    HEARTH_TRY_VOID(check_range("dry_breakers (tokens in one)", static_cast<double>(breaker.size()), 1, kLongestBreaker));
    for (const int32_t token : breaker) HEARTH_TRY_VOID(check_range("dry_breakers (a token)", token, 0, vocab - 1.0));
  }
  return {};
}

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t vocab) {
  return o.dry_multiplier == 0 || o.dry_penalty_last_n == 0 ? nullptr : std::make_unique<Dry>(o, vocab);
}

}  // namespace

extern const SamplerSpec kDry{.name = "dry", .alias = {}, .shapes_greedy = true, .check = &check, .make = &make};

}  // namespace hearth::engine
