#include "text/tokenizer/models/word_models.h"

#include <algorithm>

#include "base/utf8.h"

namespace hearth::text {

namespace {

class WordPiece final : public Model {
 public:
  WordPiece(const Vocabulary& vocabulary, WordPieceOptions options)
      : vocabulary_(vocabulary), options_(std::move(options)) {
    for (TokenId id = 0; vocabulary.has(id); ++id) longest_ = std::max(longest_, vocabulary.text(id).size());
  }

  std::string_view name() const override { return "WordPiece"; }

  bool encode(std::string_view word, size_t most, std::vector<TokenId>& ids) const override {
    const size_t before = ids.size();
    bool known = utf8::count(word) <= options_.max_characters;
    for (size_t at = 0; known && at < word.size();) {
      const size_t taken = take_piece(word.substr(at), at == 0 ? options_.word_start : options_.word_inside, ids);
      known = taken > 0;
      at += taken;
    }
    if (!known) {
      ids.resize(before);
      ids.push_back(options_.unknown);
    }
    return ids.size() <= most;
  }

 private:
  size_t take_piece(std::string_view text, std::string_view prefix, std::vector<TokenId>& ids) const {
    // A mark in the text itself must not pass for the mark of a word's first piece.
    if (prefix.empty() && !options_.word_start.empty() && text.starts_with(options_.word_start)) return 0;
    std::string wanted(prefix);
    wanted += text.substr(0, longest_);
    for (; wanted.size() > prefix.size(); wanted.pop_back()) {
      const auto id = vocabulary_.find(wanted);
      if (!id || !vocabulary_.spelled_by_text(*id)) continue;
      ids.push_back(*id);
      return wanted.size() - prefix.size();
    }
    return 0;
  }

  const Vocabulary& vocabulary_;
  const WordPieceOptions options_;
  size_t longest_ = 0;
};

class WordLevel final : public Model {
 public:
  WordLevel(const Vocabulary& vocabulary, std::optional<TokenId> unknown)
      : vocabulary_(vocabulary), unknown_(unknown) {}
  std::string_view name() const override { return "word level"; }
  bool encode(std::string_view word, size_t most, std::vector<TokenId>& ids) const override {
    const auto id = vocabulary_.find(word);
    if (id && vocabulary_.spelled_by_text(*id)) ids.push_back(*id);
    else if (unknown_) ids.push_back(*unknown_);
    return ids.size() <= most;
  }

 private:
  const Vocabulary& vocabulary_;
  std::optional<TokenId> unknown_;
};

}  // namespace

std::unique_ptr<Model> make_word_piece(const Vocabulary& vocabulary, WordPieceOptions options) {
  return std::make_unique<WordPiece>(vocabulary, std::move(options));
}

std::unique_ptr<Model> make_word_level(const Vocabulary& vocabulary, std::optional<TokenId> unknown) {
  return std::make_unique<WordLevel>(vocabulary, unknown);
}

}  // namespace hearth::text
