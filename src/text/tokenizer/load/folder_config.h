#pragma once
// What the small JSON files beside a vocabulary say: tokenizer_config.json, special_tokens_map.json, added_tokens.json,
// generation_config.json, config.json.
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/tokenizer/pipeline.h"

namespace hearth::text {

struct FolderConfig {
  std::string tokenizer_class;  // "LlamaTokenizer", without "Fast"; may be empty
  std::optional<std::string> bos, eos, pad, unk, cls, sep;
  std::vector<std::string> additional;  // the texts of further special tokens, in any order
  std::optional<bool> adds_bos, adds_eos;
  std::vector<AddedToken> added;  // with the ids they claim
  std::set<std::string, std::less<>> special;  // the texts of tokens that a flag or a name above makes special
  std::vector<int64_t> end_ids;   // generation_config.json and config.json: eos_token_id, one or several
  std::optional<int64_t> bos_id;

  // Whether the added token of that text is a control token, whatever its own flag says.
  bool steers(std::string_view text) const { return is_end_marker(text) || special.contains(text); }
};

// Files that are absent say nothing; a malformed one is an error that names it.
Result<FolderConfig> read_folder_config(const std::string& folder);

// The added_tokens of a tokenizer.json.
Result<std::vector<AddedToken>> read_added_tokens(const Json& list);

// Completes the added tokens of a vocabulary file: those that only the small files list, and tokens of the model that
// they make special. Gives each its row: the one that has its text already, else the id it claims.
Result<void> place_added_tokens(std::vector<AddedToken>& added, const FolderConfig& config, VocabularyBuilder& rows);

// Special ids, what is added around texts, end of generation. The parts have vocabulary, model, prefix and suffix by
// now.
Result<std::shared_ptr<const Tokenizer>> finish_tokenizer(TokenizerParts parts, const FolderConfig& config);

}  // namespace hearth::text
