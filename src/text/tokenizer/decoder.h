#pragma once
// From token spellings back to text: a chain of steps over one token at a time, so that streams and whole texts agree.
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/tokenizer/split/regex.h"

namespace hearth::text {

struct DecodeBytes {};         // GPT-2's alphabet back to bytes; a token outside of it stands for itself
struct DecodeByteFallback {};  // <0xAB> is one byte
struct DecodeReplace {
  Regex pattern;
  std::string content;
};
struct DecodeReplaceText {
  std::string from, to;
};
struct DecodeStrip {  // up to so many of one character off both ends of every token
  std::string character;
  size_t left = 0, right = 0;
};
struct DecodeStripText {  // the same, off the beginning of the whole text
  std::string character;
  size_t left = 0;
};
struct DecodeWordPiece {  // a token without the prefix begins a word
  std::string prefix;
  bool cleanup = false;  // English: no space before punctuation and contractions
};
struct DecodeWordEnd {  // a suffix ends a word
  std::string suffix;
};
struct DecodeCtc {  // repeated tokens are one
  std::string pad, word_delimiter;
  bool cleanup = false;
};

using DecodeStep = std::variant<DecodeBytes, DecodeByteFallback, DecodeReplace, DecodeReplaceText, DecodeStrip,
                                DecodeStripText, DecodeWordPiece, DecodeWordEnd, DecodeCtc>;

class Decoder {
 public:
  void add(DecodeStep step);
  // What the token adds to the text; `first`: nothing was printed before it.
  std::string piece(std::string_view token, bool first) const;
  bool collapses_repeats() const;  // DecodeCtc
  bool decodes_bytes() const;      // DecodeBytes

 private:
  std::vector<DecodeStep> steps_;
};

}  // namespace hearth::text
