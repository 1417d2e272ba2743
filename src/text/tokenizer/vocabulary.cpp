#include "text/tokenizer/vocabulary.h"

#include <algorithm>

namespace hearth::text {

void Vocabulary::add(std::string_view text, TokenKind kind, float score) {
  texts_.add(text);
  kinds_.push_back(kind);
  scores_.push_back(score);
}

std::optional<TokenId> Vocabulary::find(std::string_view text) const {
  const int32_t id = texts_.find(text);
  return id < 0 ? std::nullopt : std::optional<TokenId>(id);
}

TokenId Vocabulary::byte_token(uint8_t byte) const {
  static constexpr char kHex[] = "0123456789ABCDEF";
  const char text[] = {'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'};
  return texts_.find({text, sizeof text});
}

std::optional<uint8_t> byte_of_token(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return {};
  int value = 0;
  for (const char c : text.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return {};
    value = value * 16 + digit;
  }
  return static_cast<uint8_t>(value);
}

Result<void> VocabularyBuilder::set(int64_t id, std::string_view text, TokenKind kind, float score,
                                    std::string_view where) {
  if (id < 0 || id >= static_cast<int64_t>(Vocabulary::kMaxTokens))
    return fail(ErrorCode::kBadFile, "{}: token '{}' has the id {}; ids are 0 to {}", where, text, id,
                Vocabulary::kMaxTokens - 1);
  const auto [at, added] = rows_.try_emplace(id);
  Row& row = at->second;
  if (!added && row.text != text)
    return fail(ErrorCode::kBadFile, "{}: tokens '{}' and '{}' have the same id {}", where, row.text, text, id);
  row = {std::string(text), score, kind};
  last_ = std::max(last_, id);
  return {};
}

Result<Vocabulary> VocabularyBuilder::build() const {
  const size_t size = static_cast<size_t>(last_ + 1);
  if (size > 4 * rows_.size() + 65536)
    return fail(ErrorCode::kBadFile, "token '{}' has the id {}, far too high for a vocabulary of {} tokens",
                rows_.at(last_).text, last_, rows_.size());
  std::vector<const Row*> by_id(size);
  for (const auto& [id, row] : rows_) by_id[static_cast<size_t>(id)] = &row;
  static const Row kHole;
  Vocabulary out;
  out.reserve(size);
  for (const Row* row : by_id) {
    if (row == nullptr) row = &kHole;
    out.add(row->text, row->kind, row->score);
  }
  out.build();
  return out;
}

}  // namespace hearth::text
