#include "text/tokenizer/models/bpe.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/utf8.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/models/bpe_merge.h"
#include "text/tokenizer/models/byte_trie.h"
#include "text/tokenizer/models/word_cache.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // ▁

// (left id, right id) -> Merge: open addressing, 16 bytes a slot.
class PairTable {
 public:
  explicit PairTable(size_t count) : mask_(std::bit_ceil(count * 2 + 2) - 1), slots_(mask_ + 1) {}

  void add(TokenId left, TokenId right, Merge merge) {  // of equal pairs the last stays, as in the reference
    const uint64_t key = pack(left, right);
    size_t i = slot_of(key);
    while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & mask_;
    slots_[i] = {key, merge};
  }
  Merge find(TokenId left, TokenId right) const {
    const uint64_t key = pack(left, right);
    for (size_t i = slot_of(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].merge;
      if (slots_[i].key == kEmpty) return {};
    }
  }

 private:
  static constexpr uint64_t kEmpty = UINT64_MAX;  // (-1, -1): symbols without a token never merge by id
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  static uint64_t pack(TokenId left, TokenId right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  size_t slot_of(uint64_t key) const { return mix(key) & mask_; }
  size_t mask_;
  std::vector<Slot> slots_;
};

// The words of the vocabulary as the text to be encoded spells them, and how a word starts as symbols.
class Speller {
 public:
  Speller(const Vocabulary& vocabulary, const BpeOptions& options) : vocabulary_(vocabulary), options_(options) {
    words_.reserve(vocabulary.size(), vocabulary.size() * 8);
    std::vector<bool> listed(vocabulary.size());
    for (TokenId id = 0; vocabulary.has(id); ++id) {
      auto bytes = options.byte_level ? spelled_bytes(vocabulary.text(id)) : std::string(vocabulary.text(id));
      listed[static_cast<size_t>(id)] = bytes && !bytes->empty() && vocabulary.spelled_by_text(id);
      words_.add(bytes.value_or(std::string()));
    }
    words_.build([&](int32_t id) { return listed[static_cast<size_t>(id)]; });
    if (options.keep_user_defined) user_defined_ = user_defined_trie();
    for (int b = 0; b < 256; ++b) {
      const char byte = static_cast<char>(b);
      byte_symbols_[static_cast<size_t>(b)] = words_.find({&byte, 1});
      byte_tokens_[static_cast<size_t>(b)] =
          options.byte_fallback ? vocabulary.byte_token(static_cast<uint8_t>(b)) : -1;
    }
  }

  TokenId find(std::string_view word) const { return words_.find(word); }
  // The most bytes of a word that one token can stand for; SIZE_MAX where characters may go, or share an unknown token.
  size_t most_bytes() const {
    const auto has_all = [](std::span<const TokenId> of_bytes) { return std::ranges::all_of(of_bytes, [](TokenId id) { return id >= 0; }); };
    const bool knows_all = starts_as_plain_bytes() && has_all(byte_symbols_);
    const bool tells_all = has_all(byte_tokens_) || (options_.unknown && !options_.fuse_unknown);
    return knows_all || (tells_all && !options_.drops_unknown) ? std::max(utf8::kLongest, words_.longest()) : SIZE_MAX;
  }
  bool starts_as_bytes() const { return options_.byte_level || options_.raw_bytes; }

  void start(std::string_view word, std::vector<Symbol>& symbols) const {
    symbols.clear();
    const bool plain_bytes = starts_as_plain_bytes();
    for (uint32_t i = 0; i < word.size();) {
      uint32_t end = starts_as_bytes() ? i + 1 : static_cast<uint32_t>(i + char_length(word[i]));
      TokenId id = plain_bytes ? byte_symbols_[static_cast<uint8_t>(word[i])] : symbol(word, i, end);
      if (options_.keep_user_defined)
        user_defined_.prefixes(
            word.substr(i), [&](size_t length, TokenId kept) { end = static_cast<uint32_t>(i + length), id = kept; });
      if (id >= 0 || !options_.drops_unknown) symbols.push_back({id, i, end});
      i = end;
    }
  }
  bool is_user_defined(TokenId id) const { return id >= 0 && vocabulary_.kind(id) == TokenKind::kUserDefined; }
  bool keeps_user_defined() const { return options_.keep_user_defined; }

  // Writes what a symbol without a token becomes: its byte tokens, or the unknown token.
  void append_unknown(std::string_view text, std::vector<TokenId>& ids, bool& after_unknown) const {
    const bool spelled = std::ranges::all_of(text, [&](char c) { return byte_tokens_[static_cast<uint8_t>(c)] >= 0; });
    if (spelled) {
      for (const char c : text) ids.push_back(byte_tokens_[static_cast<uint8_t>(c)]);
    } else if (options_.unknown && !(after_unknown && options_.fuse_unknown)) {
      ids.push_back(*options_.unknown);
    }
    after_unknown = !spelled;
  }

 private:
  bool starts_as_plain_bytes() const { return starts_as_bytes() && options_.word_end.empty() && options_.word_inside.empty(); }

  TokenId symbol(std::string_view word, size_t begin, size_t end) const {
    const std::string_view text = word.substr(begin, end - begin);
    if (options_.word_end.empty() && options_.word_inside.empty()) return words_.find(text);
    return words_.find((begin == 0 ? "" : options_.word_inside) + std::string(text) +
                       (end == word.size() ? options_.word_end : ""));
  }

  ByteTrie user_defined_trie() const {
    std::vector<std::pair<std::string_view, int32_t>> entries;
    for (TokenId id = 0; vocabulary_.has(id); ++id)
      if (is_user_defined(id) && words_.find(vocabulary_.text(id)) == id)
        entries.emplace_back(vocabulary_.text(id), id);
    return ByteTrie(std::move(entries));
  }

  const Vocabulary& vocabulary_;
  const BpeOptions& options_;
  TextIndex words_;
  ByteTrie user_defined_;
  std::array<TokenId, 256> byte_symbols_{}, byte_tokens_{};
};

// By a list of merges: pairs of ids.
class ListedMerges {
 public:
  explicit ListedMerges(PairTable table) : table_(std::move(table)) {}
  Merge operator()(std::string_view, const Symbol& a, const Symbol& b) const { return table_.find(a.id, b.id); }

 private:
  PairTable table_;
};

// By the vocabulary: the text of both symbols is a token. A symbol need not be one itself.
class SpelledMerges {
 public:
  SpelledMerges(const Speller& speller, std::vector<uint32_t> ranks) : speller_(speller), ranks_(std::move(ranks)) {}
  Merge operator()(std::string_view word, const Symbol& a, const Symbol& b) const {
    if (speller_.keeps_user_defined() && (speller_.is_user_defined(a.id) || speller_.is_user_defined(b.id))) return {};
    const TokenId id = speller_.find(word.substr(a.begin, b.end - a.begin));
    return id < 0 ? Merge{} : Merge{ranks_[static_cast<size_t>(id)], id};
  }

 private:
  const Speller& speller_;
  std::vector<uint32_t> ranks_;
};

using ByteSet = std::array<bool, 256>;

// The bytes that no token has in front of a space mark: no merge crosses such a place. A mark's own last byte is kept
// out, so that runs of marks stay together.
ByteSet bytes_before_words(const Vocabulary& vocabulary) {
  ByteSet cuts;
  cuts.fill(true);
  cuts[static_cast<uint8_t>(kSpaceMark.back())] = false;
  for (TokenId id = 0; vocabulary.has(id); ++id) {
    const std::string_view text = vocabulary.text(id);
    if (!vocabulary.spelled_by_text(id)) continue;
    for (size_t i = text.find(kSpaceMark, 1); i != std::string_view::npos; i = text.find(kSpaceMark, i + 1))
      cuts[static_cast<uint8_t>(text[i - 1])] = false;
  }
  return cuts;
}

template <class Rules>
class Bpe final : public Model {
 public:
  template <class MakeRules>
  Bpe(const Vocabulary& vocabulary, BpeOptions options, MakeRules make_rules)
      : options_(std::move(options)),
        speller_(vocabulary, options_),
        rules_(make_rules(speller_)),
        owner_(WordCache::new_owner()),
        most_bytes_(speller_.most_bytes()) {
    if (options_.words_start_at_space) cuts_ = bytes_before_words(vocabulary);
  }

  std::string_view name() const override { return speller_.starts_as_bytes() ? "byte-level BPE" : "BPE"; }

  bool encode(std::string_view text, size_t most, std::vector<TokenId>& ids) const override {
    if (ids.size() > most || text.size() / most_bytes_ > most - ids.size()) return false;
    if (!options_.words_start_at_space) {
      encode_word(text, ids);
      return ids.size() <= most;
    }
    size_t begin = 0;
    for (size_t i = text.find(kSpaceMark); i != std::string_view::npos;
         i = text.find(kSpaceMark, i + kSpaceMark.size())) {
      if (i == begin || !cuts_[static_cast<uint8_t>(text[i - 1])]) continue;
      encode_word(text.substr(begin, i - begin), ids);
      begin = i;
      if (ids.size() > most) return false;
    }
    encode_word(text.substr(begin), ids);
    return ids.size() <= most;
  }

 private:
  void encode_word(std::string_view word, std::vector<TokenId>& ids) const {
    if (word.size() > WordCache::kMaxBytes) return merge(word, ids);
    WordCache::Entry& cached = WordCache::entry(owner_, word);
    if (cached.holds(owner_, word)) {
      ids.insert(ids.end(), cached.ids, cached.ids + cached.count);
      return;
    }
    const size_t before = ids.size();
    merge(word, ids);
    cached.keep(owner_, word, std::span(ids).subspan(before));
  }

  void merge(std::string_view word, std::vector<TokenId>& ids) const {
    if (options_.ignore_merges) {
      if (const TokenId id = speller_.find(word); id >= 0) return ids.push_back(id);
    }
    thread_local std::vector<Symbol> symbols;
    speller_.start(word, symbols);
    merge_symbols(symbols, [&](const Symbol& a, const Symbol& b) { return rules_(word, a, b); });
    bool after_unknown = false;
    for (const Symbol& s : symbols) {
      if (s.id < 0) {
        speller_.append_unknown(word.substr(s.begin, s.end - s.begin), ids, after_unknown);
      } else {
        ids.push_back(s.id);
        after_unknown = false;
      }
    }
    constexpr size_t kKeep = 1 << 16;  // do not hold on to the memory of one huge word
    if (symbols.capacity() > kKeep) std::vector<Symbol>().swap(symbols);
  }

  const BpeOptions options_;
  const Speller speller_;
  const Rules rules_;
  const uint64_t owner_;
  const size_t most_bytes_;  // of a word that one token can stand for
  ByteSet cuts_{};  // a space mark behind one of these bytes begins a word
};

// Cutting is invisible only if nothing can be fused across the cut.
void decide_cutting(const Vocabulary& vocabulary, BpeOptions& options) {
  bool all_bytes = options.byte_fallback;
  for (int b = 0; b < 256; ++b) all_bytes = all_bytes && vocabulary.byte_token(static_cast<uint8_t>(b)) >= 0;
  options.words_start_at_space = options.words_start_at_space && !options.ignore_merges && !options.drops_unknown &&
                                 options.word_end.empty() && options.word_inside.empty() &&
                                 (all_bytes || !options.fuse_unknown);
}

std::vector<uint32_t> ranks_by(MergeOrder order, const Vocabulary& vocabulary) {
  std::vector<uint32_t> ranks(vocabulary.size());
  std::iota(ranks.begin(), ranks.end(), 0u);
  if (order == MergeOrder::kById) return ranks;
  std::vector<TokenId> by_score(vocabulary.size());
  std::iota(by_score.begin(), by_score.end(), 0);
  std::ranges::stable_sort(by_score, [&](TokenId a, TokenId b) { return vocabulary.score(a) > vocabulary.score(b); });
  uint32_t rank = 0;  // equal scores share a rank: the leftmost pair goes first
  for (size_t i = 0; i < by_score.size(); ++i) {
    if (i > 0 && vocabulary.score(by_score[i]) != vocabulary.score(by_score[i - 1])) ++rank;
    ranks[static_cast<size_t>(by_score[i])] = rank;
  }
  return ranks;
}

}  // namespace

Result<std::unique_ptr<Model>> make_bpe(const Vocabulary& vocabulary, BpeOptions options, const MergeList& merges,
                                        std::string_view where) {
  PairTable table(merges.size());
  std::string merged;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto [left, right] = merges[rank];
    if (!options.word_inside.empty() && right.starts_with(options.word_inside))
      merged.assign(left).append(right.substr(options.word_inside.size()));
    else merged.assign(left).append(right);
    const auto a = vocabulary.find(left), b = vocabulary.find(right), ab = vocabulary.find(merged);
    if (!a || !b || !ab)
      return fail(ErrorCode::kBadFile, "{}: merge {} ('{}' + '{}') needs the token '{}', which the vocabulary lacks",
                  where, rank, left, right,
                  !a   ? left
                  : !b ? right
                       : std::string_view(merged));
    if (vocabulary.spelled_by_text(*ab)) table.add(*a, *b, {static_cast<uint32_t>(rank), *ab});
  }
  decide_cutting(vocabulary, options);
  return std::make_unique<Bpe<ListedMerges>>(vocabulary, std::move(options),
                                             [&](const Speller&) { return ListedMerges(std::move(table)); });
}

std::unique_ptr<Model> make_bpe(const Vocabulary& vocabulary, BpeOptions options, MergeOrder order) {
  decide_cutting(vocabulary, options);
  return std::make_unique<Bpe<SpelledMerges>>(vocabulary, std::move(options), [&](const Speller& speller) {
    return SpelledMerges(speller, ranks_by(order, vocabulary));
  });
}

}  // namespace hearth::text
