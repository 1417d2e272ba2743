#include "service/chat_service.h"

#include "service/generation.h"

namespace hearth::service {

static std::string spelled(const text::Tokenizer& tokenizer, std::optional<text::TokenId> id) {
  return id ? std::string(tokenizer.token_text(*id)) : "";
}

static Failure context_exceeded(std::string_view at_least, size_t tokens, uint32_t context) {
  Error error{ErrorCode::kContextExceeded,
              fmt::format("the prompt has {}{} tokens and the context holds {}, of which the answer needs one at least: shorten "
                          "the prompt or raise the context",
                          at_least, tokens, context),
              {}};
  error.asked = tokens;
  error.granted = context;
  return Failure(std::move(error));
}

Failure beyond_counting(uint32_t context) { return context_exceeded("at least ", most_counted(context), context); }

Result<Prompt> check_fits(Prompt prompt, uint32_t context) {
  if (prompt.tokens.size() < context) return prompt;
  return context_exceeded("", prompt.tokens.size(), context);
}

Result<Prompt> render_prompt(const ChatRequest& request, const text::ChatTemplate& chat_template,
                             const text::Tokenizer& tokenizer, std::optional<uint32_t> context) {
  const auto& special = tokenizer.special();
  text::TemplateInput input;
  input.messages = request.messages;
  input.tools = request.tools;
  input.enable_thinking = request.think;
  input.bos_token = spelled(tokenizer, special.bos);
  input.eos_token = spelled(tokenizer, special.eos);
  input.extra = request.template_variables;
  HEARTH_TRY(rendered, chat_template.render(input));

  Prompt prompt;
  auto tokens = tokenizer.encode_within(context ? most_counted(*context) : SIZE_MAX, rendered.text,
                                        {.add_special = false, .parse_special = true, .plain = rendered.plain});
  if (!tokens) return beyond_counting(*context);
  prompt.tokens = std::move(*tokens);
  if (special.adds_bos && special.bos && (prompt.tokens.empty() || prompt.tokens.front() != *special.bos))
    prompt.tokens.insert(prompt.tokens.begin(), *special.bos);
  prompt.thinking_is_open = opened_by_prompt(rendered.text);
  prompt.text = std::move(rendered.text);
  return context ? check_fits(std::move(prompt), *context) : Result<Prompt>(std::move(prompt));
}

static OutputOptions output_options(const Prompt& prompt, const GenerationOptions& options, const text::Tokenizer& tokenizer) {
  return {.stop = options.stop,
          .end_tokens = tokenizer.special().end_of_generation,
          .separate_thinking = true,
          .thinking_is_open = prompt.thinking_is_open,
          .reports_tokens = options.logprobs.has_value()};
}

Result<Prompt> ChatService::prepare(const ChatRequest& request, std::optional<uint32_t> context) const {
  return render_prompt(request, template_, tokenizer_, context);
}

Result<std::vector<std::shared_ptr<Generation>>> ChatService::submit(const Prompt& prompt, const GenerationOptions& options,
                                                                     std::span<const std::shared_ptr<EventReceiver>> receivers) {
  HEARTH_TRY(request, engine_request(options, tokenizer_));
  request.prompt = prompt.tokens;
  return Generation::start(engine_, tokenizer_, std::move(request), output_options(prompt, options, tokenizer_), receivers);
}

Result<Outcome> ChatService::answer(const ChatRequest& request, EventReceiver& receiver, const std::atomic<bool>& interrupted) {
  HEARTH_TRY(prompt, prepare(request));
  HEARTH_TRY(engine_request, engine_request(request.generation, tokenizer_));
  engine_request.prompt = std::move(prompt.tokens);
  return generate(engine_, tokenizer_, std::move(engine_request), output_options(prompt, request.generation, tokenizer_), receiver,
                  interrupted);
}

}  // namespace hearth::service
