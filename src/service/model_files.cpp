#include "service/model_files.h"

#include <filesystem>

#include "base/file.h"
#include "checkpoint/container.h"
#include "service/ember.h"

namespace hearth::service {

namespace {

Result<std::shared_ptr<const checkpoint::Checkpoint>> open_checkpoint(const std::string& path) {
  if (path != kEmberName) return checkpoint::open(path);
  HEARTH_TRY(source, ember_source());
  return checkpoint::open_source(std::move(source), [](const std::string& name) -> Result<std::shared_ptr<ByteSource>> {
    return fail(ErrorCode::kNotFound, "{}: no file lies beside the model inside the program", name);
  });
}

}  // namespace

Result<ModelFiles> ModelFiles::open(const std::string& path, const std::string& template_file) {
  ModelFiles files;
  files.path_ = path;
  files.template_is_given_ = !template_file.empty();
  files.template_file_ = files.template_is_given_ ? template_file : path;
  files.facts_ = files.facts_of_files();
  HEARTH_TRY(opened, open_checkpoint(path));
  files.checkpoint_ = std::move(opened);
  const bool is_hugging_face = files.checkpoint_->container() != "gguf" && is_folder(path);
  if (is_hugging_face) files.tokenizer_ = text::load_tokenizer_folder(path);
  else files.tokenizer_ = text::load_gguf_tokenizer(files.checkpoint_->metadata());
  if (!files.tokenizer_ && !is_hugging_face) files.tokenizer_ = at(path, std::move(files.tokenizer_).error());
  HEARTH_TRY_VOID(files.read_template());
  files.read_defaults();
  return files;
}

std::string ModelFiles::name() const {
  const std::string file = std::filesystem::path(path_).lexically_normal().filename().string();
  return checkpoint_->metadata().text_or("general.name", file.empty() ? path_ : file);
}

Result<void> ModelFiles::read_template() {
  if (template_is_given_) {
    HEARTH_TRY(source, read_text_file(template_file_));
    template_source_ = std::move(source);
    return {};
  }
  template_source_ = checkpoint_->metadata().text_or("tokenizer.chat_template", "");
  if (!template_source_.empty() || !is_folder(path_)) return {};
  HEARTH_TRY(found, find_folder_template(path_));
  template_source_ = std::move(found);
  return {};
}

Result<std::shared_ptr<const text::ChatTemplate>> ModelFiles::chat_template() const {
  std::string source = template_source_;
  if (source.empty()) {
    if (!tokenizer_) return Failure(tokenizer_.error());
    source = text::default_chat_template(**tokenizer_).source;
  }
  auto parsed = text::parse_chat_template(std::move(source));
  if (!parsed) return at(template_file_ + ": chat template", std::move(parsed).error());
  return parsed;
}

std::string ModelFiles::template_origin() const {
  if (template_is_given_) return "given: " + template_file_;
  if (!template_source_.empty()) return "the model's own";
  return tokenizer_ ? "default: " + text::default_chat_template(**tokenizer_).name : "none";
}

bool ModelFiles::is_unchanged() const { return checkpoint_->check_unchanged() && facts_of_files() == facts_; }

// Of a given template and of every file of a folder, whatever it is for.
std::vector<FileFacts> ModelFiles::facts_of_files() const {
  std::vector<FileFacts> facts;
  if (template_is_given_) facts.push_back(facts_of_path(template_file_));
  if (!is_folder(path_)) return facts;
  const auto names = names_in(path_);
  for (const std::string& name : names ? *names : std::vector<std::string>()) facts.push_back(facts_of_path(path_ + "/" + name));
  return facts;
}

void ModelFiles::read_defaults() {
  defaults_ = metadata_defaults(checkpoint_->metadata());
  const std::string config_file = path_ + "/generation_config.json";
  if (!defaults_.empty() || !file_exists(config_file)) return;
  const auto text = read_text_file(config_file);
  const auto config = text ? Json::parse(*text) : Result<Json>(Failure(text.error()));
  if (config) defaults_ = generation_config_defaults(*config);
}

}  // namespace hearth::service
