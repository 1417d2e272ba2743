#pragma once
// Raw text in, its continuation out: no template, no separation of reasoning.
#include <atomic>

#include "engine/engine.h"
#include "service/chat_request.h"
#include "service/generation.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

class CompletionService {
 public:
  // Both must outlive the service.
  CompletionService(const text::Tokenizer& tokenizer, engine::Engine& engine) : tokenizer_(tokenizer), engine_(engine) {}

  // As ChatService::answer.
  Result<Outcome> complete(const CompletionRequest& request, EventReceiver& receiver, const std::atomic<bool>& interrupted);

  // As ChatService's.
  std::vector<text::TokenId> prepare(const CompletionRequest& request) const { return *prepare_within(SIZE_MAX, request); }
  std::optional<std::vector<text::TokenId>> prepare_within(size_t most, const CompletionRequest& request) const;  // as encode_within()
  Result<std::vector<std::shared_ptr<Generation>>> submit(std::vector<text::TokenId> prompt, const GenerationOptions& options,
                                                          std::span<const std::shared_ptr<EventReceiver>> receivers);

 private:
  const text::Tokenizer& tokenizer_;
  engine::Engine& engine_;
};

}  // namespace hearth::service
