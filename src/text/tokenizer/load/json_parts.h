#pragma once
// The sections of a tokenizer.json, one reader each.  (Hugging Face tokenizers 0.2x; unknown types are kUnsupported.)
#include "base/json.h"
#include "text/tokenizer/pipeline.h"

namespace hearth::text {

// What the other sections must know of the steps read so far.
struct JsonFacts {
  bool byte_level = false;  // the model spells bytes in GPT-2's alphabet, and is fed the bytes themselves
  std::string split_name;   // for the summary
};

Result<void> read_normalizer(const Json& section, Normalizer& out);
Result<void> read_pre_tokenizer(const Json& section, PreTokenizer& out, JsonFacts& facts);
Result<void> read_decoder(const Json& section, Decoder& out);
Result<void> read_post_processor(const Json& section, const Vocabulary& vocabulary, std::vector<TokenId>& prefix,
                                 std::vector<TokenId>& suffix);

// model.vocab into `rows`, and the model itself once the vocabulary is complete.
Result<void> read_model_vocabulary(const Json& model, VocabularyBuilder& rows);
Result<std::unique_ptr<Model>> read_model(const Json& model, const Vocabulary& vocabulary, const JsonFacts& facts);

// The pattern of {"String": "..."} or {"Regex": "..."}.
struct JsonPattern {
  std::string text;
  bool is_regex = false;
};
Result<JsonPattern> read_pattern(const Json& step);

}  // namespace hearth::text
