#include "apps/chat/ember_help.h"

#include "apps/answers.h"
#include "apps/interrupt.h"
#include "apps/model_loading.h"
#include "service/chat_service.h"
#include "service/ember.h"

namespace hearth::apps {

Result<void> EmberHelp::answer(const Console& console, const std::string& question) {
  if (ember_ == nullptr) {
    HEARTH_TRY(files, service::ModelFiles::open(std::string(service::kEmberName)));
    HEARTH_TRY(loaded, load_model(console, std::move(files), {}));
    ember_ = std::move(loaded);
  }
  HEARTH_TRY(tokenizer, ember_->files().tokenizer());
  HEARTH_TRY(chat_template, ember_->files().chat_template());
  service::ChatRequest request;
  request.messages.push_back(text::Message::of("user", question));
  request.generation.sampling.temperature = 0;  // help says the same each time
  AnswerPrinter printer(console);
  const InterruptFlag interrupt(InterruptFlag::Second::kIsIgnored);
  service::ChatService chat(*tokenizer, *chat_template, ember_->engine());
  HEARTH_TRY_VOID(chat.answer(request, printer, interrupt.flag()));
  printer.end_line();
  return {};
}

}  // namespace hearth::apps
