#pragma once
// The vocabulary files of Hugging Face folders and of other publishers, one reader each. `config` completes them.
#include "text/tokenizer/load/folder_config.h"

namespace hearth::text {

Result<std::shared_ptr<const Tokenizer>> load_tokenizer_json(std::string_view text, const FolderConfig& config);
Result<std::shared_ptr<const Tokenizer>> load_sentencepiece(std::string_view bytes, const FolderConfig& config);
Result<std::shared_ptr<const Tokenizer>> load_vocab_merges(std::string_view vocab_json, std::string_view merges_txt,
                                                           const FolderConfig& config);
Result<std::shared_ptr<const Tokenizer>> load_tiktoken(std::string_view text, const FolderConfig& config);
Result<std::shared_ptr<const Tokenizer>> load_tekken(std::string_view text, const FolderConfig& config);

bool looks_like_tiktoken(std::string_view bytes);  // "IQ== 0\n..."

}  // namespace hearth::text
