#include "apps/answers.h"

namespace hearth::apps {

using service::FinishReason;

void AnswerPrinter::on_delta(const service::Delta& delta) {
  line_.reset();
  const bool thinking = delta.kind == service::Delta::Kind::kThinking;
  if (thinking && (!console_.output_is_terminal() || console_.quiet())) return;
  std::string out;
  if (was_thinking_ && !thinking) out = at_line_start_ ? "\n" : "\n\n";
  out += thinking ? console_.dim(delta.text) : std::string(delta.text);
  console_.print(out);
  was_thinking_ = thinking;
  at_line_start_ = delta.text.ends_with('\n');
}

void AnswerPrinter::end_line() {
  if (!at_line_start_) console_.print("\n");
}

void JsonLinePrinter::on_delta(const service::Delta& delta) {
  const char* key = delta.kind == service::Delta::Kind::kThinking ? "thinking" : "text";
  console_.print(Json::object({{key, delta.text}}).dump() + "\n");
}

Json outcome_json(const service::Outcome& outcome, const std::string& model, double load_seconds) {
  Json out = Json::object({{"model", model}, {"text", outcome.text}});
  if (!outcome.thinking.empty()) out.set("thinking", outcome.thinking);
  out.set("finish_reason", service::finish_reason_name(outcome.reason));
  if (!outcome.stop_string.empty()) out.set("stop_string", outcome.stop_string);
  Json tokens = Json::array();
  for (const auto id : outcome.tokens) tokens.push(id);
  out.set("tokens", std::move(tokens));
  out.set("seed", fmt::format("{}", outcome.seed));  // a text: 64 bits do not survive most JSON readers
  out.set("counts", Json::object({{"prompt_tokens", outcome.prompt_tokens}, {"cached_tokens", outcome.cached_tokens},
                                  {"generated_tokens", outcome.tokens.size()}}));
  out.set("timings", Json::object({{"load_seconds", load_seconds}, {"prompt_seconds", outcome.prompt_seconds},
                                   {"generate_seconds", outcome.generate_seconds},
                                   {"prompt_tokens_per_second", outcome.prompt_rate()},
                                   {"generated_tokens_per_second", outcome.generate_rate()}}));
  return out;
}

std::string stats_text(const service::Outcome& outcome) {
  auto rate = [](double tokens_per_second) {
    return tokens_per_second > 0 ? fmt::format(" at {:.{}f} tokens/s", tokens_per_second, tokens_per_second < 100 ? 1 : 0) : "";
  };
  std::string out = fmt::format("{} prompt tokens", outcome.prompt_tokens);
  if (outcome.cached_tokens > 0) out += fmt::format(" ({} cached)", outcome.cached_tokens);
  out += rate(outcome.prompt_rate());
  out += fmt::format(", {} generated{}, seed {}", outcome.tokens.size(), rate(outcome.generate_rate()), outcome.seed);
  return out;
}

std::string ending_text(const service::Outcome& outcome, uint32_t context) {
  switch (outcome.reason) {
    case FinishReason::kEnd:
    case FinishReason::kStopString: return "";
    case FinishReason::kLength: return fmt::format("cut after {} tokens (max-tokens)", outcome.tokens.size());
    case FinishReason::kContext: return fmt::format("cut: the context of {} tokens is full", context);
    case FinishReason::kCancelled: return "interrupted";
    case FinishReason::kDeadline: return "cut: the time allowed is over";
  }
  return "";
}

}  // namespace hearth::apps
