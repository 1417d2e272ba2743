#include "service/quality/divergence.h"

#include <algorithm>
#include <cmath>

#include "service/quality/scored_windows.h"

namespace hearth::service {

namespace {

constexpr double kNegligible = 16;  // nats below the likeliest token: together less than 1e-6 of a vocabulary's probability

double share(double sum, uint64_t count) { return count == 0 ? 0 : sum / static_cast<double>(count); }

}  // namespace

double divergence(std::span<const float> base, std::span<const float> logits) {
  const double base_normalizer = log_normalizer(base), normalizer = log_normalizer(logits);
  const double least = *std::ranges::max_element(base) - kNegligible;
  double sum = 0;
  for (size_t i = 0; i < base.size(); ++i) {
    if (base[i] < least) continue;
    const double log_base = base[i] - base_normalizer;
    sum += std::exp(log_base) * (log_base - (logits[i] - normalizer));
  }
  return sum;
}

void Divergences::add(std::span<const float> base, std::span<const float> logits, text::TokenId next) {
  divergences_.push_back(divergence(base, logits));
  same_top_ += std::ranges::max_element(base) - base.begin() == std::ranges::max_element(logits) - logits.begin();
  const auto token = static_cast<size_t>(next);
  const double log_base = base[token] - log_normalizer(base), log_probability = logits[token] - log_normalizer(logits);
  const double change = std::exp(log_probability) - std::exp(log_base);
  squared_changes_ += change * change;
  nll_ -= log_probability;
  base_nll_ -= log_base;
}

double Divergences::mean() const {
  double sum = 0;
  for (const double value : divergences_) sum += value;
  return share(sum, scored());
}

double Divergences::error() const {
  if (scored() < 2) return 0;
  const double middle = mean();
  double squares = 0;
  for (const double value : divergences_) squares += (value - middle) * (value - middle);
  return std::sqrt(squares / static_cast<double>(scored() - 1) / static_cast<double>(scored()));
}

double Divergences::quantile(double of) const {
  if (divergences_.empty()) return 0;
  std::vector<double> values = divergences_;
  const auto at = values.begin() + static_cast<ptrdiff_t>(std::llround(of * static_cast<double>(values.size() - 1)));
  std::ranges::nth_element(values, at);
  return *at;
}

double Divergences::same_top() const { return share(static_cast<double>(same_top_), scored()); }
double Divergences::probability_rms() const { return std::sqrt(share(squared_changes_, scored())); }
double Divergences::perplexity() const { return std::exp(share(nll_, scored())); }
double Divergences::base_perplexity() const { return std::exp(share(base_nll_, scored())); }

Result<Divergences> measure_divergence(engine::Engine& base, engine::Engine& model, const text::Tokenizer& tokenizer,
                                       std::string_view text, uint32_t window,
                                       const std::function<bool(uint32_t done, uint32_t windows)>& window_done) {
  HEARTH_TRY(windows, ScoredWindows::cut(tokenizer, text, window));
  Divergences out;
  std::vector<std::vector<float>> expected;
  for (uint32_t w = 0; w < windows.count(); ++w) {
    expected.clear();
    HEARTH_TRY_VOID(windows.run(base, w, [&](std::span<const float> logits, text::TokenId) {
      expected.emplace_back(logits.begin(), logits.end());
    }));
    size_t at = 0;
    HEARTH_TRY_VOID(windows.run(model, w, [&](std::span<const float> logits, text::TokenId next) {
      out.add(expected[at++], logits, next);
    }));
    if (!window_done(w + 1, windows.count())) return fail(ErrorCode::kCancelled, "the measurement was interrupted");
  }
  return out;
}

}  // namespace hearth::service
