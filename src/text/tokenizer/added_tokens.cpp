#include "text/tokenizer/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

const char* back_one(const char* p) {
  do --p;
  while (utf8::is_continuation(*p));
  return p;
}

uint16_t class_before(std::string_view text, size_t at) {
  if (at == 0) return 0;
  const char* p = back_one(text.data() + at);
  return char_class(take_char(p));
}

uint16_t class_behind(std::string_view text, size_t at) {
  const char* p = text.data() + at;
  return at == text.size() ? uint16_t{0} : char_class(take_char(p));
}

bool touches(std::span<const TextRange> plain, size_t begin, size_t end) {
  const auto range = std::ranges::upper_bound(plain, begin, {}, &TextRange::end);  // the first that ends behind `begin`
  return range != plain.end() && range->begin < end;
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  // A text that is no UTF-8 could be found inside a character alone, which would be cut.
  std::erase_if(tokens_, [](const AddedToken& t) { return t.text.empty() || !utf8::is_valid(t.text); });
  std::ranges::stable_sort(tokens_, {}, &AddedToken::text);
  const auto twins = std::ranges::unique(tokens_, {}, &AddedToken::text);
  tokens_.erase(twins.begin(), twins.end());
  std::vector<std::pair<std::string_view, int32_t>> entries;
  for (const AddedToken& token : tokens_) entries.emplace_back(token.text, static_cast<int32_t>(entries.size()));
  trie_ = ByteTrie(std::move(entries));
}

AddedTokens::Found AddedTokens::find(std::string_view text, size_t from, bool control,
                                     std::span<const TextRange> plain) const {
  for (size_t at = trie_.next_start(text, from); at < text.size(); at = trie_.next_start(text, at + 1)) {
    Found best{at, at, nullptr};
    trie_.prefixes(text.substr(at), [&](size_t length, int32_t i) {
      const AddedToken& token = tokens_[static_cast<size_t>(i)];
      if (!token.control || (control && !touches(plain, at, at + length))) best = {at, at + length, &token};
    });
    if (best.token != nullptr) return best;
  }
  return {text.size(), text.size(), nullptr};
}

std::vector<TextPart> AddedTokens::split(std::string_view text, bool control, std::span<const TextRange> plain) const {
  std::vector<TextPart> parts;
  size_t kept = 0;  // everything before it is in `parts`
  for (size_t from = 0; !tokens_.empty();) {
    auto [begin, end, token] = find(text, from, control, plain);
    if (token == nullptr) break;
    from = end;
    const bool in_word = token->single_word && ((class_before(text, begin) | class_behind(text, end)) & kWordChar) != 0;
    if (in_word || begin < kept) continue;
    while (token->strips_left && begin > kept && (class_before(text, begin) & kSpace) != 0)
      begin = static_cast<size_t>(back_one(text.data() + begin) - text.data());
    while (token->strips_right && (class_behind(text, end) & kSpace) != 0) end += char_length(text[end]);
    if (begin > kept) parts.push_back({text.substr(kept, begin - kept), -1});
    parts.push_back({text.substr(begin, end - begin), token->id});
    kept = from = end;
  }
  if (kept < text.size()) parts.push_back({text.substr(kept), -1});
  return parts;
}

}  // namespace hearth::text
