#pragma once
// The last step of encoding: one word (a piece of the pre-tokenizer, already normalized) to token ids.
#include <string_view>
#include <vector>

#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

class Model {
 public:
  virtual ~Model() = default;
  virtual std::string_view name() const = 0;  // "byte-level BPE"
  // Appends the ids of `word`, which is valid UTF-8. Control tokens never come out. False: there would be more than `most`
  // ids, those before the word among them, and what was appended is of no use.
  virtual bool encode(std::string_view word, size_t most, std::vector<TokenId>& ids) const = 0;
};

}  // namespace hearth::text
