#pragma once
// A model as its files tell it, before any weight is loaded: metadata, tokenizer, chat template, sampling defaults.
// Immutable after open(); what is missing or broken is an error only for those who ask for it.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/options/options.h"
#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "text/chat/template.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service {

// A value that the model's makers recommend, under the name of the option it fills.
struct ModelDefault {
  std::string option, text;
};

class ModelFiles {
 public:
  // A GGUF or .safetensors file, a folder, or "ember", the model inside the program. `template_file` replaces the model's own chat template unless empty.
  // Errors name the file and the remedy.
  static Result<ModelFiles> open(const std::string& path, const std::string& template_file = "");

  const std::string& path() const { return path_; }
  const checkpoint::Checkpoint& checkpoint() const { return *checkpoint_; }
  std::string name() const;  // general.name, else the file's

  Result<std::shared_ptr<const text::Tokenizer>> tokenizer() const { return tokenizer_; }

  // The chat template to use: the given file's, the model's own, or the default one for its vocabulary.
  Result<std::shared_ptr<const text::ChatTemplate>> chat_template() const;
  bool has_own_template() const { return !template_source_.empty() && !template_is_given_; }
  std::string template_origin() const;  // "the model's own", "default: ChatML", "given: x.jinja"

  const std::vector<ModelDefault>& defaults() const { return defaults_; }

  // Whether all files are as they were when they were opened: weights, what lies beside them in a folder, a given template.
  bool is_unchanged() const;

 private:
  ModelFiles() = default;
  Result<void> read_template();
  void read_defaults();
  std::vector<FileFacts> facts_of_files() const;

  std::string path_;
  std::shared_ptr<const checkpoint::Checkpoint> checkpoint_;
  Result<std::shared_ptr<const text::Tokenizer>> tokenizer_ = nullptr;
  std::vector<FileFacts> facts_;  // from before anything was read
  std::string template_source_, template_file_;
  bool template_is_given_ = false;
  std::vector<ModelDefault> defaults_;
};

// The first file of `folder` that exists holding a chat template, as its text; "" where there is none.
// Errors: kBadFile for malformed JSON.
Result<std::string> find_folder_template(const std::string& folder);

// general.sampling.* of the metadata; and generation_config.json as Hugging Face folders have it.
std::vector<ModelDefault> metadata_defaults(const Metadata& meta);
std::vector<ModelDefault> generation_config_defaults(const Json& config);

// Fills options that nothing stronger has set. Returns a sentence for each default that was not usable.
std::vector<std::string> apply_model_defaults(options::OptionList& list, const std::vector<ModelDefault>& defaults);

}  // namespace hearth::service
