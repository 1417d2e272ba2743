#pragma once
// A loaded model at work: its engine on a thread of its own, and the services that turn text into requests for it.
#include <memory>
#include <string>

#include "service/chat_service.h"
#include "service/completion_service.h"
#include "service/engine_thread.h"
#include "service/loaded_model.h"

namespace hearth::service {

class ServedModel {
 public:
  // Errors: those of a missing tokenizer or template.
  static Result<std::unique_ptr<ServedModel>> make(std::string name, std::unique_ptr<LoadedModel> loaded);

  const std::string& name() const { return name_; }
  const LoadedModel& loaded() const { return *loaded_; }
  uint32_t context() const { return context_; }
  engine::EngineStats stats() const { return loaded_->engine().stats(); }  // from any thread

  // As the services', from any thread. Errors: kContextExceeded when a prompt leaves no room.
  Result<Prompt> prepare(const ChatRequest& request) const;
  Result<Prompt> prepare(const CompletionRequest& request) const;
  Result<std::vector<std::shared_ptr<Generation>>> submit(const Prompt& prompt, bool is_chat, const GenerationOptions& options,
                                                          std::span<const std::shared_ptr<EventReceiver>> receivers);

 private:
  ServedModel(std::string name, std::unique_ptr<LoadedModel> loaded, std::shared_ptr<const text::Tokenizer> tokenizer,
              std::shared_ptr<const text::ChatTemplate> chat_template);

  const std::string name_;
  const std::unique_ptr<LoadedModel> loaded_;
  const std::shared_ptr<const text::Tokenizer> tokenizer_;
  const std::shared_ptr<const text::ChatTemplate> template_;
  const uint32_t context_;
  ChatService chat_;
  CompletionService completion_;
  EngineThread thread_;
};

}  // namespace hearth::service
