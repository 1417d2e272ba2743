#pragma once
// Rewrites text before it is cut into words: a chain of steps over valid UTF-8.
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/tokenizer/models/byte_trie.h"
#include "text/tokenizer/normalize/precompiled.h"
#include "text/tokenizer/split/pre_tokenizer.h"
#include "text/unicode/normalize.h"

namespace hearth::text {

struct Lowercase {};
struct StripAccents {};  // drops marks
struct StripSpaces {
  bool left = true, right = true;
};
struct ReplaceAll {
  Regex pattern;
  std::string content;
};
struct ReplaceText {  // the same for a fixed text
  std::string from, to;
};
struct PrependText {  // to every text that is not empty
  std::string text;
};
struct BertNormalizer {
  bool clean_text = true, surround_ideographs = true, strip_accents = true, lowercase = true;
};
struct NmtNormalizer {};  // drops control characters, makes every kind of space a space

// SentencePiece's own: character map, white space, "▁".  User-defined pieces pass unchanged.
struct SentencePieceNormalizer {
  std::shared_ptr<const PrecompiledMap> map;  // may be null
  bool add_dummy_prefix = true, remove_extra_spaces = true, escape_spaces = true, space_is_suffix = false;
  ByteTrie user_defined = {};
};

using NormalStep =
    std::variant<NormalForm, Lowercase, StripAccents, StripSpaces, ReplaceAll, ReplaceText, PrependText, BertNormalizer,
                 NmtNormalizer, SpellInBytes, std::shared_ptr<const PrecompiledMap>, SentencePieceNormalizer>;

class Normalizer {
 public:
  void add(NormalStep step);
  bool empty() const { return steps_.empty(); }
  std::string run(std::string_view text) const;

 private:
  std::vector<NormalStep> steps_;
};

}  // namespace hearth::text
