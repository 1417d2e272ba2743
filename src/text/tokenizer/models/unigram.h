#pragma once
// Unigram: of all ways to write a text with the pieces of the vocabulary, the one with the highest sum of scores
// (Viterbi; Kudo 2018).  Linear in the text.
#include <memory>

#include "text/tokenizer/models/model.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {

struct UnigramOptions {
  TokenId unknown = 0;
  bool byte_fallback = false;  // unknown characters become <0xAB> tokens
  bool fuse_unknown = true;    // a run of unknown characters is one unknown token
  // User-defined pieces outscore anything inside them (SentencePiece; Hugging Face cuts them out beforehand).
  bool favour_user_defined = false;
  std::vector<double> scores = {};  // per token
};

// Keeps a reference to `vocabulary`. SentencePiece adds scores as floats, Hugging Face as doubles: ties fall
// differently.
std::unique_ptr<Model> make_unigram(const Vocabulary& vocabulary, UnigramOptions options, bool double_precision);

}  // namespace hearth::text
