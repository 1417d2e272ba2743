#pragma once
// Text in, text out, neutral between the command line and every protocol: what may be asked, what is heard while it runs,
// and how it ended.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/request.h"
#include "service/generation_options.h"
#include "text/chat/message.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

struct ChatRequest {
  std::vector<text::Message> messages;
  std::vector<text::Tool> tools;
  std::optional<bool> think;     // passed to the template only when set
  Json template_variables;       // further ones, an object; the caller decides which it allows
  GenerationOptions generation;
};

// Raw text to be continued; no template.
struct CompletionRequest {
  std::string prompt;
  std::vector<text::TokenId> tokens = {};  // instead of the text, unless empty
  bool parse_special = true;     // the text of control tokens becomes control tokens
  GenerationOptions generation;
};

// A piece of output, complete in characters.
struct Delta {
  enum class Kind : uint8_t { kThinking, kText } kind = Kind::kText;
  std::string_view text;         // valid during the call
};

// A token and how likely the model held it and others to be, before sampling options.
struct TokenReport {
  struct Choice {
    std::string text;            // bytes: a token may hold a part of a character
    float logprob = 0;
  };
  Choice chosen;
  std::vector<Choice> likeliest;
};

enum class FinishReason : uint8_t {
  kEnd,         // the model ended its answer
  kStopString,  // one of the caller's stop strings
  kLength,      // max_tokens
  kContext,     // the context is full
  kCancelled,   // the caller gave up
  kDeadline,    // the time that the caller allowed is over
};
std::string_view finish_reason_name(FinishReason reason);  // "end", "stop_string", ... stable, used in JSON

// The prompt began like the last one of the same key but left it, so that nothing from there on could be reused.
struct PrefixMiss {
  uint32_t position = 0;         // of the first token that differs
  std::string before, last, now; // the text up to it, and how each of the two goes on
};

struct Outcome {
  FinishReason reason = FinishReason::kEnd;
  std::string text, thinking;             // everything that the deltas carried
  std::string stop_string;                // the one that matched, kStopString only
  std::vector<text::TokenId> tokens;      // all that were generated, an end token included
  std::vector<float> logprobs;            // one per token
  uint32_t thinking_tokens = 0;           // of them, those of the reasoning
  uint32_t prompt_tokens = 0, cached_tokens = 0;
  double prompt_seconds = 0, generate_seconds = 0;
  double queue_seconds = 0, first_token_seconds = 0;  // since submission: until it started, until its first token
  std::optional<PrefixMiss> miss;         // why less of the prompt was cached than could have been
  uint64_t seed = 0;                      // the one used, drawn where none was given

  double prompt_rate() const;             // uncached prompt tokens per second, 0 when unknown
  double generate_rate() const;           // tokens after the first per second, 0 when unknown
};

// Hears of one answer in order, on the thread that steps the engine; must not block it.
class EventReceiver {
 public:
  virtual ~EventReceiver() = default;
  virtual void on_prompt_progress(uint32_t done, uint32_t total) {}  // tokens
  virtual void on_generated(uint32_t tokens) {}                      // so many now, whether or not their text can be shown
  virtual void on_token(const TokenReport& token) {}                 // GenerationOptions::logprobs only; before its deltas
  virtual void on_delta(const Delta& delta) = 0;
  virtual void on_end(const Result<Outcome>& outcome) {}             // once, last
};

}  // namespace hearth::service
