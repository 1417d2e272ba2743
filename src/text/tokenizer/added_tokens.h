#pragma once
// Tokens found by their text before anything else happens to it: control tokens and user-defined ones.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/models/byte_trie.h"
#include "text/tokenizer/vocabulary.h"

namespace hearth::text {

struct AddedToken {
  TokenId id = 0;
  std::string text;
  bool control = false;      // recognised only where the caller allows control tokens
  bool strips_left = false;  // swallows the white space before it
  bool strips_right = false;
  bool single_word = false;  // not next to a letter, mark, digit or connector
  bool normalized = false;   // user-defined only: looked for in the normalized text, in its normalized form
};

// A part of a text: a token, or plain text between tokens.
struct TextPart {
  std::string_view text;
  TokenId id = -1;  // -1: plain
};

// Finds tokens leftmost-longest. Time is linear in the text, times the longest token at worst.
class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }
  std::span<const AddedToken> tokens() const { return tokens_; }

  // The parts of `text` in order, empty ones left out. With `control`, control tokens are recognised outside the
  // `plain` ranges; a text that only touches a plain range with one byte is no control token.
  std::vector<TextPart> split(std::string_view text, bool control, std::span<const TextRange> plain) const;

 private:
  struct Found {
    size_t begin, end;
    const AddedToken* token;
  };
  Found find(std::string_view text, size_t from, bool control, std::span<const TextRange> plain) const;

  std::vector<AddedToken> tokens_;
  ByteTrie trie_;
};

}  // namespace hearth::text
