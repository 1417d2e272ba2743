// typical_p (Meister et al. 2022): the tokens whose surprise -ln(p) is nearest to the entropy, the fewest that sum to at
// least typical_p.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "engine/sampling/sampler.h"

namespace hearth::engine {
namespace {

class TypicalP final : public Sampler {
 public:
  TypicalP(double p, uint32_t min_keep) : p_(p), min_keep_(min_keep) {}

  void apply(Turn& turn) override {
    list(turn.candidates);
    const double shift = turn.candidates.best();
    double mass = 0, moment = 0;
    for (Entry& entry : entries_) {
      const double distance = shift - entry.candidate.logit;
      entry.weight = std::exp(-distance);
      if (entry.weight == 0) continue;
      mass += entry.weight;
      moment += entry.weight * distance;
    }
    if (mass == 0) return;
    // surprise - entropy = (distance + ln mass) - (moment / mass + ln mass)
    for (Entry& entry : entries_) entry.oddness = std::abs(shift - entry.candidate.logit - moment / mass);
    turn.candidates.replace(most_typical(p_ * mass));
  }

 private:
  struct Entry {
    Candidate candidate;
    double weight, oddness;
  };

  void list(const Candidates& candidates) {
    entries_.clear();
    if (candidates.is_whole())
      for (size_t i = 0; i < candidates.size(); ++i) entries_.push_back({{static_cast<int32_t>(i), candidates.logits()[i]}, 0, 0});
    else
      for (const Candidate& candidate : candidates.list()) entries_.push_back({candidate, 0, 0});
  }

  std::span<const Candidate> most_typical(double target) {
    const auto is_more_typical = [](const Entry& a, const Entry& b) {
      return a.oddness != b.oddness ? a.oddness < b.oddness : a.candidate.token < b.candidate.token;
    };
    kept_.clear();
    double sum = 0;
    for (size_t sorted = 0, portion = 256; sorted < entries_.size(); portion *= 8) {
      const size_t end = std::min(entries_.size(), sorted + portion);
      const auto first = entries_.begin() + static_cast<ptrdiff_t>(sorted), last = entries_.begin() + static_cast<ptrdiff_t>(end);
      std::partial_sort(first, last, entries_.end(), is_more_typical);
      for (; sorted < end; ++sorted) {
        kept_.push_back(entries_[sorted].candidate);
        sum += entries_[sorted].weight;
        if (sum >= target && kept_.size() >= min_keep_) return kept_;
      }
    }
    return kept_;
  }

  const double p_;
  const size_t min_keep_;
  std::vector<Entry> entries_;
  std::vector<Candidate> kept_;
};

Result<void> check(const SamplingOptions& o, uint32_t) { return check_range("typical_p", o.typical_p, 0, 1); }

std::unique_ptr<Sampler> make(const SamplingOptions& o, uint32_t) {
  return o.typical_p == 1 ? nullptr : std::make_unique<TypicalP>(o.typical_p, o.min_keep);
}

}  // namespace

extern const SamplerSpec kTypicalP{.name = "typical_p", .alias = "typ_p", .truncates = true, .check = &check, .make = &make};

}  // namespace hearth::engine
