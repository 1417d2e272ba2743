#pragma once
// Byte-pair encoding: a word starts as single bytes or characters; the adjacent pair of lowest rank is merged, leftmost
// first, until no pair has a rank.  (Sennrich et al. 2016; byte-level: Radford et al. 2019.)
// O(n log n) for a word of n bytes whatever the word; short words are scanned instead.
#include <memory>
#include <string>

#include "base/result.h"
#include "text/tokenizer/models/model.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {

struct BpeOptions {
  bool byte_level = false;            // tokens spell bytes in GPT-2's alphabet ("Ġ" is a space); symbols start as bytes
  bool raw_bytes = false;             // tokens are byte strings themselves (tiktoken); symbols start as bytes
  bool ignore_merges = false;         // a word that is a token is that token, whatever the merges say
  bool byte_fallback = false;         // characters without a token become <0xAB> tokens
  bool fuse_unknown = false;          // a run of unknown characters is one unknown token
  bool drops_unknown = false;         // characters without a token go first: what stood around them may merge
  bool words_start_at_space = false;  // cut before "▁" where no token can cross: the same ids, and words can be cached
  bool keep_user_defined = false;     // user-defined tokens inside a word stand as they are and merge with nothing
  std::string word_end = {},
              word_inside = {};  // appended to the last, prepended to every but the first symbol ("</w>", "##")
  std::optional<TokenId> unknown = {};
};

// A merge by its two halves, in rank order.
using MergeList = std::vector<std::pair<std::string_view, std::string_view>>;

// Both keep a reference to `vocabulary`, which must outlive them.
// Errors: a merge whose halves or result are not in the vocabulary; `where` names the key.
Result<std::unique_ptr<Model>> make_bpe(const Vocabulary& vocabulary, BpeOptions options, const MergeList& merges,
                                        std::string_view where);

// Without a merge list, a pair may merge when the vocabulary has its text; its rank is that token's place in `order`:
// by falling score (SentencePiece), or by id (tiktoken).
enum class MergeOrder { kByScore, kById };
std::unique_ptr<Model> make_bpe(const Vocabulary& vocabulary, BpeOptions options, MergeOrder order);

}  // namespace hearth::text
