#include "service/perplexity.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>

namespace hearth::service {

namespace {

double negative_log_likelihood(std::span<const float> logits, text::TokenId token) {
  const float best = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - best);
  return std::log(sum) + best - logits[static_cast<size_t>(token)];
}

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

// Scores the second half of one window.
class WindowScorer final : public engine::EventSink {
 public:
  WindowScorer(std::span<const text::TokenId> window, Sums& sums) : window_(window), sums_(sums) {}

  void on_prompt_logits(uint32_t position, std::span<const float> logits) override {
    if (position >= window_.size() / 2 && position + 1 < window_.size())
      sums_.add(negative_log_likelihood(logits, window_[position + 1]));
  }
  void on_token(int32_t, float, std::span<const engine::TokenLogprob>) override {}
  void on_finish(const engine::Finish& end) override { finish = end; }

  std::optional<engine::Finish> finish;

 private:
  std::span<const text::TokenId> window_;
  Sums& sums_;
};

Result<void> score_window(engine::Engine& engine, std::span<const text::TokenId> window, Sums& sums) {
  auto scorer = std::make_shared<WindowScorer>(window, sums);
  engine::Request request;
  request.prompt.assign(window.begin(), window.end() - 1);  // nothing is predicted from the last token
  request.max_tokens = 1;
  request.sampling.temperature = 0;
  request.want_prompt_logits = true;
  HEARTH_TRY_VOID(engine.submit(std::move(request), scorer));
  while (!scorer->finish) engine.step();
  if (scorer->finish->reason == engine::FinishReason::kError) return Failure(scorer->finish->error);
  return {};
}

}  // namespace

Result<Perplexity> measure_perplexity(engine::Engine& engine, const text::Tokenizer& tokenizer, std::string_view text,
                                      uint32_t window,
                                      const std::function<bool(const Perplexity& so_far, uint32_t windows)>& window_done) {
  const auto begin = std::chrono::steady_clock::now();
  const auto& special = tokenizer.special();
  auto tokens = tokenizer.encode(text);
  const size_t windows = tokens.size() / window;
  if (windows == 0)
    return fail(ErrorCode::kInvalidArgument, "the text has {} tokens; one window needs {}", tokens.size(), window);
  Perplexity out;
  Sums sums;
  for (size_t w = 0; w < windows; ++w) {
    const std::span<text::TokenId> part(tokens.data() + w * window, window);
    if (special.adds_bos && special.bos) part[0] = *special.bos;
    HEARTH_TRY_VOID(score_window(engine, part, sums));
    sums.fill(out);
    out.windows = static_cast<uint32_t>(w + 1);
    out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (!window_done(out, static_cast<uint32_t>(windows))) return fail(ErrorCode::kCancelled, "the measurement was interrupted");
  }
  out.dropped = static_cast<uint32_t>(tokens.size() - windows * window);
  return out;
}

}  // namespace hearth::service
