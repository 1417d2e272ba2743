#include "service/quality/scored_windows.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

namespace hearth::service {

namespace {

class WindowReader final : public engine::EventSink {
 public:
  WindowReader(std::span<const text::TokenId> window, const ScoredWindows::Scored& scored) : window_(window), scored_(scored) {}

  void on_prompt_logits(uint32_t position, std::span<const float> logits) override {
    if (position >= window_.size() / 2 && position + 1 < window_.size()) scored_(logits, window_[position + 1]);
  }
  void on_token(int32_t, float, std::span<const engine::TokenLogprob>) override {}
  void on_finish(const engine::Finish& end) override { finish = end; }

  std::optional<engine::Finish> finish;

 private:
  std::span<const text::TokenId> window_;
  const ScoredWindows::Scored& scored_;
};

}  // namespace

Result<ScoredWindows> ScoredWindows::cut(const text::Tokenizer& tokenizer, std::string_view text, uint32_t window) {
  auto tokens = tokenizer.encode(text);
  if (tokens.size() < window)
    return fail(ErrorCode::kInvalidArgument, "the text has {} tokens; one window needs {}", tokens.size(), window);
  const auto& special = tokenizer.special();
  for (size_t first = 0; special.adds_bos && special.bos && first < tokens.size(); first += window) tokens[first] = *special.bos;
  return ScoredWindows(std::move(tokens), window);
}

Result<void> ScoredWindows::run(engine::Engine& engine, uint32_t index, const Scored& scored) const {
  const std::span window(tokens_.data() + size_t{index} * window_, window_);
  auto reader = std::make_shared<WindowReader>(window, scored);
  engine::Request request;
  request.prompt.assign(window.begin(), window.end() - 1);  // nothing is predicted from the last token
  request.max_tokens = 1;
  request.sampling.temperature = 0;
  request.want_prompt_logits = true;
  HEARTH_TRY_VOID(engine.submit(std::move(request), reader));
  while (!reader->finish) engine.step();
  if (reader->finish->reason == engine::FinishReason::kError) return Failure(reader->finish->error);
  return {};
}

double log_normalizer(std::span<const float> logits) {
  const float best = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - best);
  return std::log(sum) + best;
}

}  // namespace hearth::service
