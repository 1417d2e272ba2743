#pragma once
// The table of `tokenizer.ggml.pre`: how each named vocabulary cuts text into words.  Adding one:
// docs/adding/pre_tokenizer.md.
#include <span>
#include <string_view>

#include "base/result.h"
#include "text/tokenizer/split/pre_tokenizer.h"

namespace hearth::text {

struct GgufPre {
  static constexpr size_t kMaxNames = 20, kMaxPatterns = 7;
  std::string_view names[kMaxNames] = {};        // the first is canonical
  std::string_view patterns[kMaxPatterns] = {};  // applied one after the other, each isolating its matches
  bool ignore_merges = false;                    // a whole word in the vocabulary is one token
  bool adds_bos = false;                         // where tokenizer.ggml.add_bos_token is absent
  bool adds_sep = false;                         // the vocabulary's separator ends a text (encoders)
  bool spells_text = false;                      // tokens spell text with "▁" for spaces, not bytes
};

std::span<const GgufPre> gguf_pre_tokenizers();

// Errors: kUnsupported for an unknown name.
Result<const GgufPre*> find_gguf_pre(std::string_view name);
Result<PreTokenizer> make_pre_tokenizer(const GgufPre& pre);

}  // namespace hearth::text
