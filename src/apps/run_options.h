#pragma once
// The options of `hearth run`, shared by its one-shot and chat forms.
#include <optional>
#include <string>

#include "apps/tracing.h"
#include "base/options/options.h"
#include "service/generation_options.h"
#include "service/loaded_model.h"

namespace hearth::apps {

// What can change within a chat (`/set`).
struct ChatSettings {
  service::GenerationOptions generation;
  std::optional<bool> think;
  bool stats = false;
};
void visit(options::OptionList& v, ChatSettings& o);

struct RunOptions {
  ChatSettings settings;
  service::ModelOptions model;
  std::string system, template_file;
  bool raw = false, stream_json = false;
  Tracing tracing;
};
void visit(options::OptionList& v, RunOptions& o);

}  // namespace hearth::apps
