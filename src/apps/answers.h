#pragma once
// How an answer and what is to be said about it reach the user.
#include <string>

#include "apps/model_loading.h"
#include "service/chat_request.h"

namespace hearth::apps {

// Prints the answer as it comes. Reasoning is shown dimmed in a terminal and left out elsewhere.
class AnswerPrinter final : public PromptProgress {
 public:
  explicit AnswerPrinter(const Console& console) : PromptProgress(console) {}
  void on_delta(const service::Delta& delta) override;
  void end_line();  // unless the output already stands at the start of a line

 private:
  bool at_line_start_ = true, was_thinking_ = false;
};

// {"text": ...} and {"thinking": ...} lines.
class JsonLinePrinter final : public service::EventReceiver {
 public:
  explicit JsonLinePrinter(Console& console) : console_(console) {}
  void on_delta(const service::Delta& delta) override;

 private:
  Console& console_;
};

class SilentReceiver final : public PromptProgress {
 public:
  using PromptProgress::PromptProgress;
  void on_delta(const service::Delta&) override {}
};

Json outcome_json(const service::Outcome& outcome, const std::string& model, double load_seconds);

// "23 prompt tokens (12 cached) at 105 tokens/s, 96 generated at 2300 tokens/s, seed 7"
std::string stats_text(const service::Outcome& outcome);

// Why an answer ended, where that is not the model's own doing; else "".
std::string ending_text(const service::Outcome& outcome, uint32_t context);

}  // namespace hearth::apps
