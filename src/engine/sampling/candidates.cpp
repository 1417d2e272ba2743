#include "engine/sampling/candidates.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "engine/sampling/distribution.h"

namespace hearth::engine {

static bool is_better(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.token < b.token; }

// Calls f(candidate) for every logit >= bar, skipping whole blocks below it; the bar may rise meanwhile.
template <class F>
static void visit_from(std::span<const float> logits, const float& bar, F f) {
  constexpr size_t kBlock = 64;
  for (size_t start = 0; start < logits.size(); start += kBlock) {
    const size_t end = std::min(start + kBlock, logits.size());
    if (max_of(logits.subspan(start, end - start)) < bar) continue;
    for (size_t i = start; i < end; ++i)
      if (logits[i] >= bar) f(Candidate{static_cast<int32_t>(i), logits[i]});
  }
}

void Candidates::reset(std::span<const float> logits, const Distribution& distribution) {
  HEARTH_CHECK(!logits.empty(), "a vocabulary has tokens");
  is_whole_ = true;
  logits_ = logits;
  distribution_ = distribution;
  list_.clear();
  ranked_ = 0;
}

std::span<float> Candidates::own_logits() {
  if (logits_.data() != own_.data()) {
    own_.assign(logits_.begin(), logits_.end());
    logits_ = own_;
  }
  ranked_ = 0;
  distribution_.reset();
  return own_;
}

const Distribution& Candidates::whole() {
  if (!distribution_) distribution_ = Distribution::measure(logits_);
  return *distribution_;
}

std::span<uint32_t> Candidates::counters() {
  counters_.resize(logits_.size());
  own_.reserve(logits_.size());  // for edit(), where running out of memory would leave them counted
  return counters_;
}

float Candidates::best() {
  if (is_whole_) return whole().max;
  if (ranked_ > 0) return list_[0].logit;
  return std::ranges::max(list_, {}, &Candidate::logit).logit;
}

// Collects up to twice as many as wanted, then cuts, which raises the bar: nearly all tokens fail that one comparison.
void Candidates::select(size_t count) {
  list_.clear();
  ranked_ = count;
  float bar = -INFINITY;
  const auto cut = [&] {
    std::ranges::nth_element(list_, list_.begin() + static_cast<ptrdiff_t>(count - 1), is_better);
    list_.resize(count);
    bar = list_.back().logit;
  };
  visit_from(logits_, bar, [&](const Candidate& candidate) {
    list_.push_back(candidate);
    if (list_.size() == 2 * count + 64) cut();
  });
  if (list_.size() > count) cut();
  std::ranges::sort(list_, is_better);
}

std::span<const Candidate> Candidates::ranked(size_t count) {
  count = std::min(count, size());
  if (ranked_ < count) {
    if (is_whole_) {
      select(count);
    } else {
      std::ranges::sort(list_, is_better);
      ranked_ = list_.size();
    }
  }
  return std::span(list_).first(count);
}

void Candidates::scale(float factor) {
  if (is_whole_) {
    for (float& logit : own_logits()) logit *= factor;
  } else {
    for (Candidate& candidate : list_) candidate.logit *= factor;  // the order stays, unless rounding makes equals: harmless
  }
}

void Candidates::keep_best(size_t count) {
  count = std::max<size_t>(count, 1);
  if (count >= size()) return;
  ranked(count);
  list_.resize(count);
  ranked_ = count;
  is_whole_ = false;
}

void Candidates::keep_from(float lowest_logit, size_t at_least) {
  at_least = std::max<size_t>(at_least, 1);
  if (ranked(at_least).back().logit < lowest_logit) return keep_best(at_least);
  if (is_whole_) {
    list_.clear();
    visit_from(logits_, lowest_logit, [&](const Candidate& candidate) { list_.push_back(candidate); });
    ranked_ = 0;
    is_whole_ = false;
  } else {
    list_.erase(std::ranges::partition_point(list_, [&](const Candidate& c) { return c.logit >= lowest_logit; }), list_.end());
    ranked_ = list_.size();
  }
}

void Candidates::drop_best(size_t count) {
  if (count == 0) return;
  HEARTH_CHECK(count < size(), "a candidate must remain");
  const Candidate last_dropped = ranked(count).back();
  if (is_whole_) {
    list_.clear();
    for (size_t i = 0; i < logits_.size(); ++i) {
      const Candidate candidate{static_cast<int32_t>(i), logits_[i]};
      if (is_better(last_dropped, candidate)) list_.push_back(candidate);
    }
    ranked_ = 0;
    is_whole_ = false;
  } else {
    list_.erase(list_.begin(), list_.begin() + static_cast<ptrdiff_t>(count));
    ranked_ = list_.size();
  }
}

void Candidates::replace(std::span<const Candidate> chosen) {
  HEARTH_CHECK(!chosen.empty(), "a candidate must remain");
  list_.assign(chosen.begin(), chosen.end());
  ranked_ = 0;
  is_whole_ = false;
}

double Candidates::mass() { return is_whole_ ? whole().mass : weigh(); }

double Candidates::weigh() {
  weights_.resize(list_.size());
  std::ranges::transform(list_, weights_.begin(), &Candidate::logit);
  return sum_of_exponentials(weights_, best(), weights_.data());
}

// The first index at which the running sum exceeds `target`; where rounding leaves the sum below it, the last with any weight.
static size_t pick(std::span<const float> weights, double target) {
  size_t chosen = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    chosen = i;
    if ((target -= weights[i]) < 0) break;
  }
  return chosen;
}

Candidates::Draw Candidates::draw(double uniform) {
  if (is_whole_) return draw_from_whole(uniform);
  const double all = weigh();
  const size_t chosen = pick(weights_, uniform * all);
  return {list_[chosen].token, weights_[chosen] / all};
}

// Finds the run of logits first, then the token in it.
Candidates::Draw Candidates::draw_from_whole(double uniform) {
  constexpr size_t kRun = 1024;
  const auto [shift, all] = whole();
  double target = uniform * all;  // left to go
  std::span<const float> run;
  for (size_t start = 0; start < logits_.size(); start += kRun) {
    const auto next = logits_.subspan(start, std::min(kRun, logits_.size() - start));
    const double sum = sum_of_exponentials(next, shift, nullptr);
    if (sum == 0) continue;
    run = next;
    if (sum > target) break;
    target -= sum;
  }
  weights_.resize(run.size());
  sum_of_exponentials(run, shift, weights_.data());
  const size_t chosen = pick(weights_, target);
  return {static_cast<int32_t>(run.data() + chosen - logits_.data()), weights_[chosen] / all};
}

}  // namespace hearth::engine
