#pragma once
// Opening and loading a model as every command does it: progress while it takes long, everything notable said in words.
#include <memory>

#include "apps/console.h"
#include "service/chat_request.h"
#include "service/loaded_model.h"
#include "service/model_files.h"

namespace hearth::apps {

Result<std::unique_ptr<service::LoadedModel>> load_model(const Console& console, service::ModelFiles files,
                                                         const service::ModelOptions& options,
                                                         engine::EngineOptions engine_options = {});

// Progress of a prompt on standard error; the base of every receiver here.
class PromptProgress : public service::EventReceiver {
 public:
  explicit PromptProgress(const Console& console) : line_(std::make_unique<ProgressLine>(console, "reading the prompt")), console_(console) {}
  void on_prompt_progress(uint32_t done, uint32_t total) override {
    if (line_ != nullptr) line_->update(done, total);
    if (done >= total) line_.reset();
  }

 protected:
  std::unique_ptr<ProgressLine> line_;
  const Console& console_;
};

}  // namespace hearth::apps
