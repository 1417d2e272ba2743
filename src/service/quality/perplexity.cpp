#include "service/quality/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "service/quality/scored_windows.h"

namespace hearth::service {

namespace {

// Sums over everything scored so far.
struct Sums {
  double nll = 0, squares = 0;
  uint64_t count = 0;

  void add(double value) {
    nll += value;
    squares += value * value;
    ++count;
  }
  void fill(Perplexity& out) const {
    const double mean = nll / static_cast<double>(count);
    const double variance = squares / static_cast<double>(count) - mean * mean;
    out.value = std::exp(mean);
    out.error = count > 1 ? out.value * std::sqrt(std::max(variance, 0.0) / static_cast<double>(count - 1)) : 0;
    out.scored = count;
  }
};

}  // namespace

Result<Perplexity> measure_perplexity(engine::Engine& engine, const text::Tokenizer& tokenizer, std::string_view text,
                                      uint32_t window,
                                      const std::function<bool(const Perplexity& so_far, uint32_t windows)>& window_done) {
  const auto begin = std::chrono::steady_clock::now();
  HEARTH_TRY(windows, ScoredWindows::cut(tokenizer, text, window));
  Perplexity out;
  out.dropped = windows.dropped();
  Sums sums;
  for (uint32_t w = 0; w < windows.count(); ++w) {
    HEARTH_TRY_VOID(windows.run(engine, w, [&](std::span<const float> logits, text::TokenId next) {
      sums.add(log_normalizer(logits) - logits[static_cast<size_t>(next)]);
    }));
    sums.fill(out);
    out.windows = w + 1;
    out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (!window_done(out, windows.count())) return fail(ErrorCode::kCancelled, "the measurement was interrupted");
  }
  return out;
}

}  // namespace hearth::service
