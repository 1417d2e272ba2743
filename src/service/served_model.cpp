#include "service/served_model.h"

namespace hearth::service {

ServedModel::ServedModel(std::string name, std::unique_ptr<LoadedModel> loaded, std::shared_ptr<const text::Tokenizer> tokenizer,
                         std::shared_ptr<const text::ChatTemplate> chat_template)
    : name_(std::move(name)), loaded_(std::move(loaded)), tokenizer_(std::move(tokenizer)), template_(std::move(chat_template)),
      context_(loaded_->engine().context()), chat_(*tokenizer_, *template_, loaded_->engine()),
      completion_(*tokenizer_, loaded_->engine()), thread_(loaded_->engine()) {}

Result<std::unique_ptr<ServedModel>> ServedModel::make(std::string name, std::unique_ptr<LoadedModel> loaded) {
  HEARTH_TRY(tokenizer, loaded->files().tokenizer());
  HEARTH_TRY(chat_template, loaded->files().chat_template());
  return std::unique_ptr<ServedModel>(
      new ServedModel(std::move(name), std::move(loaded), std::move(tokenizer), std::move(chat_template)));
}

Result<Prompt> ServedModel::prepare(const ChatRequest& request) const {
  return chat_.prepare(request, context_);
}

Result<Prompt> ServedModel::prepare(const CompletionRequest& request) const {
  auto tokens = completion_.prepare_within(most_counted(context_), request);
  if (!tokens) return beyond_counting(context_);
  return check_fits({.text = {}, .tokens = std::move(*tokens)}, context_);
}

Result<std::vector<std::shared_ptr<Generation>>> ServedModel::submit(const Prompt& prompt, bool is_chat, const GenerationOptions& options,
                                                                     std::span<const std::shared_ptr<EventReceiver>> receivers) {
  return is_chat ? chat_.submit(prompt, options, receivers) : completion_.submit(prompt.tokens, options, receivers);
}

}  // namespace hearth::service
