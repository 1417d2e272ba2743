#pragma once
// WordPiece (BERT: the longest known piece, again and again) and whole words.
#include <memory>
#include <string>

#include "text/tokenizer/models/model.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {

struct WordPieceOptions {
  std::string word_start = {};   // in front of the first piece of a word ("▁" in GGUF)
  std::string word_inside = {};  // in front of every other piece ("##" in Hugging Face files)
  size_t max_characters = 100;   // longer words are unknown
  TokenId unknown = 0;
};

// Both keep a reference to `vocabulary`, which must outlive them.
std::unique_ptr<Model> make_word_piece(const Vocabulary& vocabulary, WordPieceOptions options);
std::unique_ptr<Model> make_word_level(const Vocabulary& vocabulary, std::optional<TokenId> unknown);

}  // namespace hearth::text
