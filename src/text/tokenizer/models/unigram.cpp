#include "text/tokenizer/models/unigram.h"

#include <algorithm>
#include <limits>
#include <ranges>

#include "base/utf8.h"
#include "text/tokenizer/models/byte_trie.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

ByteTrie trie_of(const Vocabulary& vocabulary) {
  std::vector<std::pair<std::string_view, int32_t>> entries;
  for (TokenId id = 0; vocabulary.has(id); ++id) {
    const bool usable =
        vocabulary.spelled_by_text(id) && vocabulary.kind(id) != TokenKind::kUnused && !vocabulary.text(id).empty();
    if (usable && vocabulary.find(vocabulary.text(id)) == id) entries.emplace_back(vocabulary.text(id), id);
  }
  return ByteTrie(std::move(entries));
}

template <class Score>
class Unigram final : public Model {
 public:
  Unigram(const Vocabulary& vocabulary, UnigramOptions options)
      : vocabulary_(vocabulary), options_(std::move(options)), trie_(trie_of(vocabulary)) {
    auto lowest = std::numeric_limits<Score>::max();
    size_t longest = 0;
    for (TokenId id = 0; vocabulary.has(id); ++id) {
      longest = std::max(longest, vocabulary.text(id).size());
      if (vocabulary.kind(id) != TokenKind::kNormal) continue;
      lowest = std::min(lowest, score(id));
      highest_ = std::max(highest_, score(id));
    }
    constexpr Score kPenalty = 10;
    unknown_score_ = lowest - kPenalty;
    for (int b = 0; b < 256; ++b) {
      byte_tokens_[b] = options_.byte_fallback ? vocabulary.byte_token(static_cast<uint8_t>(b)) : -1;
      all_bytes_ = all_bytes_ && byte_tokens_[b] >= 0;
    }
    if (all_bytes_ || !options_.fuse_unknown) most_bytes_ = std::max(utf8::kLongest, longest);
  }

  std::string_view name() const override { return "unigram"; }

  bool encode(std::string_view text, size_t most, std::vector<TokenId>& ids) const override {
    if (ids.size() > most || text.size() / most_bytes_ > most - ids.size()) return false;
    std::vector<Step> best(text.size() + 1);
    best[0].begin = 0;
    for (size_t at = 0; at < text.size(); at += char_length(text[at])) extend(text, at, best);
    write(text, best, ids);
    return ids.size() <= most;
  }

 private:
  // The best way to reach a place: by the piece `id` from `begin`.
  struct Step {
    Score score = 0;
    uint32_t begin = UINT32_MAX;
    TokenId id = -1;  // -1: unknown
  };

  Score score(TokenId id) const { return static_cast<Score>(options_.scores[static_cast<size_t>(id)]); }

  void extend(std::string_view text, size_t at, std::vector<Step>& best) const {
    const auto offer = [&](size_t length, TokenId id, Score piece_score) {
      Step& step = best[at + length];
      const Score total = piece_score + best[at].score;
      if (step.begin == UINT32_MAX || total > step.score) step = {total, static_cast<uint32_t>(at), id};
    };
    const size_t one = char_length(text[at]);
    bool has_single = false;
    trie_.prefixes(text.substr(at), [&](size_t length, TokenId id) {
      const bool favoured = options_.favour_user_defined && vocabulary_.kind(id) == TokenKind::kUserDefined;
      offer(
          length, id,
          favoured ? static_cast<Score>(static_cast<double>(static_cast<Score>(length) * highest_) - 0.1) : score(id));
      has_single = has_single || length == one;
    });
    if (!has_single) offer(one, -1, unknown_score_);
  }

  void write(std::string_view text, const std::vector<Step>& best, std::vector<TokenId>& ids) const {
    std::vector<std::pair<size_t, size_t>> pieces;
    for (size_t end = text.size(); end > 0; end = best[end].begin) pieces.emplace_back(best[end].begin, end);
    bool after_unknown = false;
    for (const auto& [begin, end] : std::views::reverse(pieces)) {
      const TokenId id = best[end].id;
      if (id >= 0) {
        ids.push_back(id);
      } else if (all_bytes_) {
        for (const char c : text.substr(begin, end - begin)) ids.push_back(byte_tokens_[static_cast<uint8_t>(c)]);
      } else if (!after_unknown || !options_.fuse_unknown) {
        ids.push_back(options_.unknown);
      }
      after_unknown = id < 0;
    }
  }

  const Vocabulary& vocabulary_;
  const UnigramOptions options_;
  const ByteTrie trie_;
  Score unknown_score_ = 0, highest_ = std::numeric_limits<Score>::lowest();
  TokenId byte_tokens_[256];
  bool all_bytes_ = true;
  size_t most_bytes_ = SIZE_MAX;  // of a text that one token can stand for
};

}  // namespace

std::unique_ptr<Model> make_unigram(const Vocabulary& vocabulary, UnigramOptions options, bool double_precision) {
  if (double_precision) return std::make_unique<Unigram<double>>(vocabulary, std::move(options));
  return std::make_unique<Unigram<float>>(vocabulary, std::move(options));
}

}  // namespace hearth::text
