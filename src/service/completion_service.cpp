#include "service/completion_service.h"

#include "service/generation.h"

namespace hearth::service {

// A prompt to be continued must not end with the EOS that some tokenizers add.
std::optional<std::vector<text::TokenId>> CompletionService::prepare_within(size_t most, const CompletionRequest& request) const {
  if (!request.tokens.empty()) return request.tokens;
  auto tokens = tokenizer_.encode_within(most, request.prompt, {.add_special = true, .parse_special = request.parse_special});
  const auto& special = tokenizer_.special();
  if (tokens && special.adds_eos && special.eos && tokens->size() > 1 && tokens->back() == *special.eos) tokens->pop_back();
  return tokens;
}

static OutputOptions output_options(const GenerationOptions& options, const text::Tokenizer& tokenizer) {
  return {.stop = options.stop,
          .end_tokens = tokenizer.special().end_of_generation,
          .continues = true,
          .reports_tokens = options.logprobs.has_value()};
}

Result<std::vector<std::shared_ptr<Generation>>> CompletionService::submit(
    std::vector<text::TokenId> prompt, const GenerationOptions& options, std::span<const std::shared_ptr<EventReceiver>> receivers) {
  HEARTH_TRY(request, engine_request(options, tokenizer_));
  request.prompt = std::move(prompt);
  return Generation::start(engine_, tokenizer_, std::move(request), output_options(options, tokenizer_), receivers);
}

Result<Outcome> CompletionService::complete(const CompletionRequest& request, EventReceiver& receiver,
                                            const std::atomic<bool>& interrupted) {
  HEARTH_TRY(engine_request, engine_request(request.generation, tokenizer_));
  engine_request.prompt = prepare(request);
  return generate(engine_, tokenizer_, std::move(engine_request), output_options(request.generation, tokenizer_), receiver,
                  interrupted);
}

}  // namespace hearth::service
