#include "text/tokenizer/vocabulary.h"

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
  if (static_cast<size_t>(id) >= rows_.size()) rows_.resize(static_cast<size_t>(id) + 1);
  Row& row = rows_[static_cast<size_t>(id)];
  if (row.set && row.text != text)
    return fail(ErrorCode::kBadFile, "{}: tokens '{}' and '{}' have the same id {}", where, row.text, text, id);
  row = {std::string(text), score, kind, true};
  return {};
}

Vocabulary VocabularyBuilder::build() const {
  Vocabulary out;
  out.reserve(rows_.size());
  for (const Row& row : rows_) out.add(row.text, row.kind, row.score);
  out.build();
  return out;
}

}  // namespace hearth::text
