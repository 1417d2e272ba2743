#include "text/tokenizer/models/text_index.h"

#include <algorithm>

namespace hearth::text {

void TextIndex::reserve(size_t count, size_t bytes) {
  ends_.reserve(count);
  arena_.reserve(bytes);
}

void TextIndex::add(std::string_view text) {
  arena_ += text;
  ends_.push_back(static_cast<uint32_t>(arena_.size()));
  longest_ = std::max(longest_, text.size());
}

void TextIndex::insert(int32_t i) {
  const std::string_view wanted = text(i);
  const uint64_t hash = hash_text(wanted);
  size_t at = hash & mask_;
  for (; slots_[at].index >= 0; at = (at + 1) & mask_)
    if (slots_[at].tag == tag_of(hash) && text(slots_[at].index) == wanted) return;
  slots_[at] = {tag_of(hash), i};
}

}  // namespace hearth::text
