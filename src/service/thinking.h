#pragma once
// Separates a model's reasoning from its answer. Only a block at the very start of the output is reasoning; the same words
// later are part of the answer. Some templates open the block in the prompt, so that the output begins inside it.
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace hearth::service {

// How a family of models marks its reasoning.
struct ThinkingMarks {
  std::string_view open, close;
};
std::span<const ThinkingMarks> thinking_marks();  // every known variant

// The marks whose opening ends the rendered prompt, or null.
const ThinkingMarks* opened_by_prompt(std::string_view prompt);

// Splits a stream into reasoning and answer, wherever its pieces are cut. Line breaks around the block belong to neither.
class ThinkingSplitter {
 public:
  explicit ThinkingSplitter(const ThinkingMarks* already_open);  // or null

  struct Pieces {
    std::string thinking, answer;
  };
  Pieces feed(std::string_view text);
  Pieces finish();  // what was held back
  bool is_thinking() const { return state_ == State::kThinking; }

 private:
  enum class State { kStart, kThinking, kAfter, kAnswer };
  void look_for_opening(Pieces& out);
  void look_for_closing(Pieces& out);

  State state_ = State::kStart;
  const ThinkingMarks* marks_ = nullptr;
  bool any_thought_ = false;
  std::string held_;
};

}  // namespace hearth::service
