#include "service/output_stream.h"

#include <algorithm>

namespace hearth::service {

std::string_view finish_reason_name(FinishReason reason) {
  static constexpr std::string_view kNames[] = {"end", "stop_string", "length", "context", "cancelled", "deadline"};
  return kNames[static_cast<size_t>(reason)];
}

double Outcome::prompt_rate() const {
  return prompt_seconds > 0 ? (prompt_tokens - cached_tokens) / prompt_seconds : 0;
}

double Outcome::generate_rate() const {
  return generate_seconds > 0 && tokens.size() > 1 ? static_cast<double>(tokens.size() - 1) / generate_seconds : 0;
}

OutputStream::OutputStream(const text::Tokenizer& tokenizer, OutputOptions options, EventReceiver& receiver,
                           std::function<void()> cancel)
    : tokenizer_(tokenizer), options_(std::move(options)), receiver_(receiver), cancel_(std::move(cancel)),
      decoder_(tokenizer, /*with_control=*/false, options_.continues), splitter_(options_.thinking_is_open), stops_(options_.stop) {}

void OutputStream::report(int32_t token, float logprob, std::span<const engine::TokenLogprob> top) {
  TokenReport report{{tokenizer_.piece(token, /*with_control=*/true), logprob}, {}};
  for (const auto& choice : top) report.likeliest.push_back({tokenizer_.piece(choice.token, true), choice.logprob});
  receiver_.on_token(report);
}

void OutputStream::on_token(int32_t token, float logprob, std::span<const engine::TokenLogprob> top) {
  if (stops_.matched()) return;  // steps that were under way when the stop string matched
  outcome_.tokens.push_back(token);
  outcome_.logprobs.push_back(logprob);
  receiver_.on_generated(static_cast<uint32_t>(outcome_.tokens.size()));
  if (std::ranges::find(options_.end_tokens, token) != options_.end_tokens.end()) return;
  if (options_.reports_tokens) report(token, logprob, top);
  const std::string text = text_of(token);
  if (!options_.separate_thinking) return take({{}, text});
  auto pieces = splitter_.feed(text);
  if (splitter_.is_thinking() || !pieces.thinking.empty()) ++outcome_.thinking_tokens;
  take(std::move(pieces));
}

void OutputStream::on_finish(const engine::Finish& finish) {
  if (!stops_.matched()) {
    const std::string rest = decoder_.finish();
    if (options_.separate_thinking) {
      take(splitter_.feed(rest));
      take(splitter_.finish());
    } else {
      take({{}, rest});
    }
    if (!stops_.matched()) emit(Delta::Kind::kText, stops_.finish());
  }
  static constexpr FinishReason kReasons[] = {FinishReason::kEnd, FinishReason::kLength, FinishReason::kContext,
                                              FinishReason::kCancelled, FinishReason::kCancelled, FinishReason::kDeadline};
  outcome_.reason = stops_.matched() ? FinishReason::kStopString : kReasons[static_cast<size_t>(finish.reason)];
  outcome_.stop_string = stops_.match();
  outcome_.prompt_tokens = finish.prompt_tokens;
  outcome_.cached_tokens = finish.cached_tokens;
  outcome_.prompt_seconds = finish.prompt_seconds;
  outcome_.generate_seconds = finish.generate_seconds;
  outcome_.queue_seconds = finish.queue_seconds;
  outcome_.first_token_seconds = finish.first_token_seconds;
  if (finish.miss) outcome_.miss = told(*finish.miss);
  failed_ = finish.reason == engine::FinishReason::kError;
  error_ = finish.error;
  finished_ = true;
}

PrefixMiss OutputStream::told(const engine::PrefixMiss& miss) const {
  const auto text = [this](std::span<const int32_t> tokens) {
    text::StreamDecoder decoder(tokenizer_, /*with_control=*/true, /*continues=*/true);
    std::string out;
    for (const int32_t token : tokens) out += decoder.next(token);
    return out + decoder.finish();
  };
  const size_t common = miss.position - miss.first;
  const std::span<const int32_t> last = miss.last, now = miss.now;
  return {.position = miss.position, .before = text(now.first(common)), .last = text(last.subspan(common)), .now = text(now.subspan(common))};
}

Result<Outcome> OutputStream::outcome() const {
  if (failed_) return Failure(error_);
  return outcome_;
}

void OutputStream::take(ThinkingSplitter::Pieces pieces) {
  emit(Delta::Kind::kThinking, pieces.thinking);
  if (pieces.answer.empty()) return;
  emit(Delta::Kind::kText, stops_.feed(pieces.answer));
  if (stops_.matched()) cancel_();
}

void OutputStream::emit(Delta::Kind kind, const std::string& text) {
  if (text.empty()) return;
  (kind == Delta::Kind::kThinking ? outcome_.thinking : outcome_.text) += text;
  receiver_.on_delta({kind, text});
}

// Control tokens print as nothing, but some families mark their reasoning with them.
std::string OutputStream::text_of(text::TokenId token) {
  if (options_.separate_thinking && tokenizer_.kind(token) == text::TokenKind::kControl) {
    const std::string_view spelled = tokenizer_.token_text(token);
    for (const auto& marks : thinking_marks())
      if (marks.open.starts_with(spelled) || spelled == marks.close) return std::string(spelled);
  }
  return decoder_.next(token);
}

}  // namespace hearth::service
