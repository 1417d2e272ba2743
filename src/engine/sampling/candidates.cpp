#include "engine/sampling/candidates.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "engine/sampling/distribution.h"

namespace hearth::engine {

static bool is_better(const Candidate& a, const Candidate& b) { return a.logit != b.logit ? a.logit > b.logit : a.token < b.token; }

void Candidates::reset(std::span<const float> logits) {
  HEARTH_CHECK(!logits.empty(), "a vocabulary has tokens");
  is_whole_ = true;
  logits_ = logits;
  list_.clear();
  ranked_ = 0;
}

std::span<float> Candidates::own_logits() {
  if (logits_.data() != own_.data()) {
    own_.assign(logits_.begin(), logits_.end());
    logits_ = own_;
  }
  ranked_ = 0;
  return own_;
}

std::span<uint32_t> Candidates::counters() {
  counters_.resize(logits_.size());
  return counters_;
}

float Candidates::best() {
  if (ranked_ > 0) return list_[0].logit;
  if (is_whole_) return max_of(logits_);
  return std::ranges::max(list_, {}, &Candidate::logit).logit;
}

// Keeps up to twice as many as wanted and the worst logit that still counts: nearly all tokens fail that one comparison.
void Candidates::select(size_t count) {
  list_.clear();
  ranked_ = count;
  const size_t room = 2 * count + 64;
  float bar = -INFINITY;
  bool has_bar = false;  // until then even -infinity enters
  const auto cut = [&] {
    std::ranges::nth_element(list_, list_.begin() + static_cast<ptrdiff_t>(count - 1), is_better);
    list_.resize(count);
    bar = list_.back().logit;
    has_bar = true;
  };
  for (size_t i = 0; i < logits_.size(); ++i) {
    if (has_bar && logits_[i] <= bar) continue;  // an equal, later token ranks behind
    list_.push_back({static_cast<int32_t>(i), logits_[i]});
    if (list_.size() == room) cut();
  }
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
  if (is_whole_) {
    const size_t kept = static_cast<size_t>(std::ranges::count_if(logits_, [&](float logit) { return logit >= lowest_logit; }));
    if (kept < std::max<size_t>(at_least, 1)) return keep_best(at_least);
    list_.clear();
    for (size_t i = 0; i < logits_.size(); ++i)
      if (logits_[i] >= lowest_logit) list_.push_back({static_cast<int32_t>(i), logits_[i]});
    ranked_ = 0;
    is_whole_ = false;
    return;
  }
  const size_t kept = static_cast<size_t>(std::ranges::count_if(list_, [&](const Candidate& c) { return c.logit >= lowest_logit; }));
  if (kept < std::max<size_t>(at_least, 1)) return keep_best(at_least);
  std::erase_if(list_, [&](const Candidate& c) { return c.logit < lowest_logit; });
  ranked_ = std::min(ranked_, list_.size());
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

double Candidates::mass() {
  const float shift = best();
  if (is_whole_) return sum_of_exponentials(logits_, shift, nullptr);
  double sum = 0;
  for (const Candidate& candidate : list_) sum += std::exp(double{candidate.logit} - shift);
  return sum;
}

Candidates::Draw Candidates::draw(double uniform) {
  if (is_whole_) return draw_from_whole(uniform);
  const float shift = best();
  const double all = mass(), target = uniform * all;
  double sum = 0;
  Draw last{list_[0].token, 0};  // rounding may leave the target just above the sum: then the last possible token
  for (const Candidate& candidate : list_) {
    const double weight = std::exp(double{candidate.logit} - shift);
    if (weight == 0) continue;
    last = {candidate.token, weight / all};
    if ((sum += weight) > target) break;
  }
  return last;
}

Candidates::Draw Candidates::draw_from_whole(double uniform) {
  exponentials_.resize(logits_.size());
  const double all = sum_of_exponentials(logits_, best(), exponentials_.data()), target = uniform * all;
  double sum = 0;
  size_t last = 0;
  for (size_t i = 0; i < exponentials_.size(); ++i) {
    if (exponentials_[i] == 0) continue;
    last = i;
    if ((sum += exponentials_[i]) > target) break;
  }
  return {static_cast<int32_t>(last), exponentials_[last] / all};
}

}  // namespace hearth::engine
