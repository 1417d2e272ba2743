#include "service/thinking.h"

#include <utility>

#include "service/stop_matcher.h"

namespace hearth::service {

namespace {

// Taken from the chat templates of the families named.
constexpr ThinkingMarks kMarks[] = {
    {"<think>", "</think>"},                            // DeepSeek, Qwen, GLM, SmolLM, LFM and most others
    {"<thinking>", "</thinking>"},                      // Apertus and fine-tunes
    {"[THINK]", "[/THINK]"},                            // Magistral
    {"<|channel>thought\n", "<channel|>"},              // Gemma 4
    {"<|START_THINKING|>", "<|END_THINKING|>"},         // Command A
    {"<seed:think>", "</seed:think>"},                  // Seed-OSS
    {"<mm:think>", "</mm:think>"},                      // MiniMax
};

constexpr std::string_view kBlank = " \t\r\n";

std::string_view trimmed_end(std::string_view text) {
  const size_t last = text.find_last_not_of(kBlank);
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

}  // namespace

std::span<const ThinkingMarks> thinking_marks() { return kMarks; }

const ThinkingMarks* opened_by_prompt(std::string_view prompt) {
  const std::string_view text = trimmed_end(prompt);
  for (const auto& marks : kMarks)
    if (text.ends_with(trimmed_end(marks.open))) return &marks;
  return nullptr;
}

ThinkingSplitter::ThinkingSplitter(const ThinkingMarks* already_open)
    : state_(already_open == nullptr ? State::kStart : State::kThinking), marks_(already_open) {}

ThinkingSplitter::Pieces ThinkingSplitter::feed(std::string_view text) {
  Pieces out;
  held_ += text;
  if (state_ == State::kStart) look_for_opening(out);
  if (state_ == State::kThinking) look_for_closing(out);
  if (state_ == State::kAfter) {
    held_.erase(0, held_.find_first_not_of(kBlank));
    if (!held_.empty()) state_ = State::kAnswer;
  }
  if (state_ == State::kAnswer) out.answer += std::exchange(held_, {});
  return out;
}

void ThinkingSplitter::look_for_opening(Pieces& out) {
  const size_t first = held_.find_first_not_of(kBlank);
  if (first == std::string::npos) return;  // blank so far
  const std::string_view text = std::string_view(held_).substr(first);
  for (const auto& marks : kMarks) {
    if (text.starts_with(marks.open)) {
      marks_ = &marks;
      state_ = State::kThinking;
      held_.erase(0, first + marks.open.size());
      return;
    }
    if (marks.open.starts_with(text)) return;  // may still become it
  }
  state_ = State::kAnswer;
}

void ThinkingSplitter::look_for_closing(Pieces& out) {
  if (!any_thought_) held_.erase(0, held_.find_first_not_of(kBlank));
  const size_t end = held_.find(marks_->close);
  if (end != std::string::npos) {
    out.thinking += trimmed_end(std::string_view(held_).substr(0, end));
    held_.erase(0, end + marks_->close.size());
    state_ = State::kAfter;
    return;
  }
  // Blanks before what may be the closing mark wait with it: they are dropped if it is.
  const std::string_view certain = std::string_view(held_).substr(0, held_.size() - partial_match(held_, marks_->close));
  const size_t shown = trimmed_end(certain).size();
  out.thinking.append(held_, 0, shown);
  any_thought_ = any_thought_ || shown > 0;
  held_.erase(0, shown);
}

ThinkingSplitter::Pieces ThinkingSplitter::finish() {
  Pieces out;
  (state_ == State::kThinking ? out.thinking : out.answer) = std::exchange(held_, {});
  return out;
}

}  // namespace hearth::service
