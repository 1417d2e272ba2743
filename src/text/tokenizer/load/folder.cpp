// Finds the vocabulary file of a folder: the most complete description first.

#include "base/file.h"
#include "text/tokenizer/load/files.h"

namespace hearth::text {

namespace {

using Loader = Result<std::shared_ptr<const Tokenizer>> (*)(std::string_view, const FolderConfig&);

Result<std::shared_ptr<const Tokenizer>> load_file(const std::string& path, Loader loader, const FolderConfig& config) {
  HEARTH_TRY(bytes, read_text_file(path));
  auto loaded = loader(bytes, config);
  if (!loaded) return at(path, loaded.error());
  return loaded;
}

// "tokenizer.model" is SentencePiece's name, and that of Llama 3's rank file.
Result<std::shared_ptr<const Tokenizer>> load_model_file(std::string_view bytes, const FolderConfig& config) {
  return looks_like_tiktoken(bytes) ? load_tiktoken(bytes, config) : load_sentencepiece(bytes, config);
}

// qwen.tiktoken, cl100k_base.tiktoken, tokenizer.model.v3, ...: by ending, the first by name.
std::string find_by_ending(const std::string& folder) {
  const auto names = names_in(folder);
  for (const std::string& name : names ? *names : std::vector<std::string>())
    if (name.ends_with(".tiktoken") || name.ends_with(".model") || name.contains(".model.v")) return folder + "/" + name;
  return "";
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> load_tokenizer_folder(const std::string& folder) {
  if (!is_folder(folder)) return fail(ErrorCode::kNotFound, "the folder {} does not exist", folder);
  HEARTH_TRY(config, read_folder_config(folder));
  const auto path = [&](const char* name) { return folder + "/" + name; };
  if (file_exists(path("tokenizer.json"))) return load_file(path("tokenizer.json"), &load_tokenizer_json, config);
  if (file_exists(path("tokenizer.model"))) return load_file(path("tokenizer.model"), &load_model_file, config);
  if (file_exists(path("vocab.json")) && file_exists(path("merges.txt"))) {
    HEARTH_TRY(vocab, read_text_file(path("vocab.json")));
    HEARTH_TRY(merges, read_text_file(path("merges.txt")));
    auto loaded = load_vocab_merges(vocab, merges, config);
    if (!loaded) return at(folder, loaded.error());
    return loaded;
  }
  if (file_exists(path("tekken.json"))) return load_file(path("tekken.json"), &load_tekken, config);
  if (const std::string other = find_by_ending(folder); !other.empty())
    return load_file(other, &load_model_file, config);
  return fail(ErrorCode::kNotFound,
              "{} holds no tokenizer.json, tokenizer.model, vocab.json with merges.txt, tekken.json or *.tiktoken",
              folder);
}

}  // namespace hearth::text
