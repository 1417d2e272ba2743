#pragma once
// A tokenizer as its parts in order: added tokens, normalizer, pre-tokenizer, model, the ids around the whole, decoder.
// Every source (load/) fills the same parts.
#include <memory>
#include <string>

#include "text/tokenizer/added_tokens.h"
#include "text/tokenizer/decoder.h"
#include "text/tokenizer/models/model.h"
#include "text/tokenizer/normalize/normalizer.h"
#include "text/tokenizer/split/pre_tokenizer.h"
#include "text/tokenizer/tokenizer.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {

struct TokenizerParts {
  std::unique_ptr<const Vocabulary> vocabulary;  // where it lies does not change: models refer to it
  std::vector<AddedToken> added;
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::unique_ptr<const Model> model;
  std::vector<TokenId> prefix, suffix;  // around every text that asks for special tokens
  Decoder decoder;
  Tokenizer::Special special;
  std::string split_name;  // for the summary: "llama-bpe"
};

std::shared_ptr<const Tokenizer> make_tokenizer(TokenizerParts parts);

bool is_end_marker(std::string_view text);  // "<|im_end|>" and its like: control tokens wherever they are added

// Adds every token after which a generation ends: eos, and the well-known end markers among control and user-defined
// tokens.
void complete_end_of_generation(const Vocabulary& vocabulary, Tokenizer::Special& special);

// The ids that `special` adds at the front and the end.
void set_bos_eos(TokenizerParts& parts);

}  // namespace hearth::text
