#pragma once
// The entries of a vocabulary: text, kind and (where the model has them) score.
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/models/text_index.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

class Vocabulary {
 public:
  static constexpr size_t kMaxTokens = size_t{1} << 24;  // the largest known vocabulary has 2^18
  static constexpr size_t kMaxBytes = size_t{1} << 30;

  void reserve(size_t count) { texts_.reserve(count, count * 8), kinds_.reserve(count); }
  void add(std::string_view text, TokenKind kind, float score = 0);
  void set_kind(TokenId id, TokenKind kind) { kinds_[static_cast<size_t>(id)] = kind; }
  void build() {
    texts_.build([](int32_t) { return true; });
  }

  size_t size() const { return kinds_.size(); }
  bool has(TokenId id) const { return id >= 0 && static_cast<size_t>(id) < size(); }
  std::string_view text(TokenId id) const { return texts_.text(id); }
  TokenKind kind(TokenId id) const { return kinds_[static_cast<size_t>(id)]; }
  float score(TokenId id) const { return scores_[static_cast<size_t>(id)]; }
  std::optional<TokenId> find(std::string_view text) const;

  // Whether a model may produce the token from plain text. Control, unknown and byte tokens never come from their
  // spelling.
  bool spelled_by_text(TokenId id) const {
    return kind(id) == TokenKind::kNormal || kind(id) == TokenKind::kUserDefined || kind(id) == TokenKind::kUnused;
  }

  // The token of one byte, <0x0A>; -1 where the vocabulary has none.
  TokenId byte_token(uint8_t byte) const;

 private:
  TextIndex texts_;
  std::vector<TokenKind> kinds_;
  std::vector<float> scores_;
};

// The byte that <0xAB> stands for.
std::optional<uint8_t> byte_of_token(std::string_view text);

// The rows of a file that numbers its tokens, in any order: holes become unused entries.
class VocabularyBuilder {
 public:
  // Errors: an id out of range, or two texts for one id. `where` names the file or key.
  Result<void> set(int64_t id, std::string_view text, TokenKind kind, float score, std::string_view where);
  bool has(int64_t id) const { return rows_.contains(id); }
  // Errors: an id so far above the number of tokens that the holes would take most of the memory.
  Result<Vocabulary> build() const;

 private:
  struct Row {
    std::string text;
    float score = 0;
    TokenKind kind = TokenKind::kUnused;
  };
  std::unordered_map<int64_t, Row> rows_;
  int64_t last_ = -1;  // the highest id
};

}  // namespace hearth::text
