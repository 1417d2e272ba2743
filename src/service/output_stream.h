#pragma once
// From tokens to what a caller hears: decode, separate reasoning, hold back stop strings. One per request.
#include <functional>
#include <vector>

#include "engine/request.h"
#include "service/chat_request.h"
#include "service/stop_matcher.h"
#include "service/thinking.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

struct OutputOptions {
  std::vector<std::string> stop = {};
  std::vector<text::TokenId> end_tokens = {};         // their text is not part of the answer
  bool continues = false;                             // the prompt's text: a leading space is part of the answer
  bool separate_thinking = false;
  const ThinkingMarks* thinking_is_open = nullptr;    // by the prompt
  bool reports_tokens = false;
};

class OutputStream final : public engine::EventSink {
 public:
  // `cancel` is called once, when a stop string has matched. All references must outlive the stream.
  OutputStream(const text::Tokenizer& tokenizer, OutputOptions options, EventReceiver& receiver, std::function<void()> cancel);

  void on_prompt_progress(uint32_t done, uint32_t total) override { receiver_.on_prompt_progress(done, total); }
  void on_token(int32_t token, float logprob, std::span<const engine::TokenLogprob> top) override;
  void on_finish(const engine::Finish& finish) override;

  bool finished() const { return finished_; }
  Result<Outcome> outcome() const;  // once finished; the engine's error if it failed

 private:
  void report(int32_t token, float logprob, std::span<const engine::TokenLogprob> top);
  void take(ThinkingSplitter::Pieces pieces);
  void emit(Delta::Kind kind, const std::string& text);
  std::string text_of(text::TokenId token);
  PrefixMiss told(const engine::PrefixMiss& miss) const;

  const text::Tokenizer& tokenizer_;
  OutputOptions options_;
  EventReceiver& receiver_;
  std::function<void()> cancel_;
  text::StreamDecoder decoder_;
  ThinkingSplitter splitter_;
  StopMatcher stops_;
  Outcome outcome_;
  Error error_;
  bool finished_ = false, failed_ = false;
};

}  // namespace hearth::service
