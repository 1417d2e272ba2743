#pragma once
// A conversation in, an answer out: template, tokens, engine, text. Control tokens come from the template only; what users
// and tools wrote is tokenized as plain text.
#include <atomic>

#include "engine/engine.h"
#include "service/chat_request.h"
#include "service/generation.h"
#include "service/thinking.h"
#include "text/chat/template.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

// A conversation as the model will see it.
struct Prompt {
  std::string text;
  std::vector<text::TokenId> tokens;
  const ThinkingMarks* thinking_is_open = nullptr;  // the template begins the reasoning itself
};

// kContextExceeded, with both counts, when a prompt leaves no room for an answer.
Result<Prompt> check_fits(Prompt prompt, uint32_t context);

// So many tokens of a prompt are counted. Whoever is told how many there are knows how much to leave out; beyond some contexts
// that is not worth the work, and the error says "at least".
constexpr size_t most_counted(uint32_t context) { return size_t{4} * context; }
Failure beyond_counting(uint32_t context);

class ChatService {
 public:
  // All must outlive the service.
  ChatService(const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template, engine::Engine& engine)
      : tokenizer_(tokenizer), template_(chat_template), engine_(engine) {}

  // Runs the engine until the answer is complete; for callers that own the engine alone. Setting `interrupted` from a
  // signal handler or another thread ends the answer within one step. Errors: kInvalidArgument from the template or the
  // options, kDoesNotFit with both counts when the conversation exceeds the context.
  Result<Outcome> answer(const ChatRequest& request, EventReceiver& receiver, const std::atomic<bool>& interrupted);

  // The two halves of it, for an engine that another thread steps: one answer for each receiver. Errors as above, and with a
  // context those of check_fits().
  Result<Prompt> prepare(const ChatRequest& request, std::optional<uint32_t> context = {}) const;
  Result<std::vector<std::shared_ptr<Generation>>> submit(const Prompt& prompt, const GenerationOptions& options,
                                                          std::span<const std::shared_ptr<EventReceiver>> receivers);

 private:
  const text::Tokenizer& tokenizer_;
  const text::ChatTemplate& template_;
  engine::Engine& engine_;
};

// Renders and tokenizes. The model's BOS token begins the prompt exactly once if the model adds one, whether the template
// writes it or not. Errors: the template's, and with a context those of check_fits().
Result<Prompt> render_prompt(const ChatRequest& request, const text::ChatTemplate& chat_template,
                             const text::Tokenizer& tokenizer, std::optional<uint32_t> context = {});

}  // namespace hearth::service
