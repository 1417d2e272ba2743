#pragma once
// `/help me QUESTION`: Ember answers beside the model of the chat. Nothing of it enters the conversation.
#include <memory>
#include <string>

#include "apps/console.h"
#include "service/loaded_model.h"

namespace hearth::apps {

class EmberHelp {
 public:
  // Loads Ember at the first question. Prints the answer; Ctrl-C stops it. Errors: kUnsupported where the build has no Ember.
  Result<void> answer(const Console& console, const std::string& question);

 private:
  std::unique_ptr<service::LoadedModel> ember_;
};

}  // namespace hearth::apps
