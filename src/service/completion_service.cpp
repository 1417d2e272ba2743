#include "service/completion_service.h"

#include "service/generation.h"

namespace hearth::service {

// A prompt to be continued must not end with the EOS that some tokenizers add.
static std::vector<text::TokenId> prompt_tokens(const CompletionRequest& request, const text::Tokenizer& tokenizer) {
  auto tokens = tokenizer.encode(request.prompt, {.add_special = true, .parse_special = request.parse_special});
  const auto& special = tokenizer.special();
  if (special.adds_eos && special.eos && tokens.size() > 1 && tokens.back() == *special.eos) tokens.pop_back();
  return tokens;
}

Result<Outcome> CompletionService::complete(const CompletionRequest& request, EventReceiver& receiver,
                                            const std::atomic<bool>& interrupted) {
  HEARTH_TRY(engine_request, engine_request(request.generation, tokenizer_));
  engine_request.prompt = prompt_tokens(request, tokenizer_);
  OutputOptions output{.stop = request.generation.stop, .end_tokens = tokenizer_.special().end_of_generation,
                       .continues = true};
  return generate(engine_, tokenizer_, std::move(engine_request), std::move(output), receiver, interrupted);
}

}  // namespace hearth::service
