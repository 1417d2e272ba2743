#pragma once
// What the measurements of a model's quality on a text have in common.
#include <string>

#include "base/options/options.h"
#include "service/loaded_model.h"

namespace hearth::apps {

struct QualityOptions {
  QualityOptions() { model.kv_type = "f32"; }  // a measurement asks for the model, not for its cache

  std::string text_file;
  uint32_t window = 512;
  service::ModelOptions model;

  // The text, with the model's context set to a window. Errors: kUsage without --text, those of reading.
  Result<std::string> prepare(std::string_view command);
};
void visit_text(options::OptionList& v, QualityOptions& o);
void visit_model(options::OptionList& v, QualityOptions& o);

}  // namespace hearth::apps
