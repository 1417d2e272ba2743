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
  size_t slot = hash_text(wanted) & mask_;
  for (; slots_[slot] >= 0; slot = (slot + 1) & mask_)
    if (text(slots_[slot]) == wanted) return;
  slots_[slot] = i;
}

}  // namespace hearth::text
