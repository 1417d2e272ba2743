#pragma once
// SentencePiece's precompiled_charsmap: a double-array trie (darts-clone) from character sequences to their
// replacements. Layout: uint32 size of the trie in bytes, the trie's uint32 units, then the replacements, each ended by
// a zero byte.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text {

class PrecompiledMap {
 public:
  // Errors: kBadFile for sizes that do not add up. A null map stands for an empty charsmap.
  static Result<std::shared_ptr<const PrecompiledMap>> parse(std::string_view bytes);

  struct Hit {
    size_t length;  // bytes of the text that are replaced
    std::string_view replacement;
  };
  // The longest sequence at the front of `text`; offsets are verified at every step, so that a hostile map cannot read
  // outside.
  std::optional<Hit> longest_prefix(std::string_view text) const;

  // As Hugging Face applies it: grapheme by grapheme, short graphemes as a whole first, then character by character.
  std::string apply_by_grapheme(std::string_view text) const;

 private:
  // The replacement of the shortest sequence at the front, taken for the whole text as the reference does.
  std::optional<std::string_view> first_hit(std::string_view text) const;
  std::optional<std::string_view> replacement(uint32_t offset) const;
  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace hearth::text
