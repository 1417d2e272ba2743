#include "text/tokenizer/normalize/precompiled.h"

#include <utf8proc.h>

#include <cstring>

#include "base/utf8.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

// darts-clone's unit: whether a leaf hangs below, the label a child must have, and where the children begin.
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t label(uint32_t unit) { return unit & (uint32_t{1} << 31 | 0xFF); }
uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & uint32_t{1} << 9) >> 6); }
uint32_t value(uint32_t unit) { return unit & 0x7FFFFFFF; }

}  // namespace

Result<std::shared_ptr<const PrecompiledMap>> PrecompiledMap::parse(std::string_view bytes) {
  if (bytes.empty()) return nullptr;
  uint32_t trie_bytes = 0;
  if (bytes.size() >= sizeof trie_bytes) std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
  if (bytes.size() < sizeof trie_bytes || trie_bytes > bytes.size() - sizeof trie_bytes || trie_bytes % 4 != 0 ||
      trie_bytes == 0)
    return fail(ErrorCode::kBadFile, "precompiled_charsmap of {} bytes claims a trie of {} bytes", bytes.size(),
                trie_bytes);
  auto map = std::make_shared<PrecompiledMap>();
  map->units_.resize(trie_bytes / 4);
  std::memcpy(map->units_.data(), bytes.data() + 4, trie_bytes);
  map->replacements_ = bytes.substr(4 + trie_bytes);
  if (map->replacements_.empty() || map->replacements_.back() != '\0')
    return fail(ErrorCode::kBadFile, "the replacements of precompiled_charsmap do not end with a zero byte");
  constexpr size_t kLongest = 256;  // bytes: some thirty are the most that Unicode's own mappings need
  for (size_t at = 0, end = 0; at < map->replacements_.size(); at = end + 1) {
    end = map->replacements_.find('\0', at);
    if (end - at > kLongest)
      return fail(ErrorCode::kBadFile, "a replacement of precompiled_charsmap has {} bytes, at most {} are allowed", end - at, kLongest);
  }
  if (!utf8::is_valid(map->replacements_))
    return fail(ErrorCode::kBadFile, "the replacements of precompiled_charsmap are no UTF-8");
  return map;
}

std::optional<std::string_view> PrecompiledMap::replacement(uint32_t at) const {
  if (at >= replacements_.size() || utf8::is_continuation(replacements_[at])) return {};
  return std::string_view(replacements_.data() + at);  // the last byte is zero
}

std::optional<PrecompiledMap::Hit> PrecompiledMap::longest_prefix(std::string_view text) const {
  std::optional<Hit> best;
  uint32_t node = offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) break;
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit) || node >= units_.size()) continue;
    if (i + 1 < text.size() && utf8::is_continuation(text[i + 1])) continue;  // a map that lies: it would cut a character
    if (const auto found = replacement(value(units_[node]))) best = Hit{i + 1, *found};
  }
  return best;
}

std::optional<std::string_view> PrecompiledMap::first_hit(std::string_view text) const {
  uint32_t node = offset(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) return {};
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (has_leaf(unit) && node < units_.size()) return replacement(value(units_[node]));
  }
  return {};
}

std::string PrecompiledMap::apply_by_grapheme(std::string_view text) const {
  constexpr size_t kShort = 6;  // bytes: longer graphemes are never looked up as a whole
  std::string out;
  out.reserve(text.size());
  const auto append = [&](std::string_view part) { out += first_hit(part).value_or(part); };
  const char *p = text.data(), *const end = p + text.size();
  while (p != end) {
    const char* grapheme = p;
    char32_t previous = take_char(p);
    for (utf8proc_int32_t state = 0; p != end;) {
      const char* next = p;
      const char32_t c = take_char(next);
      if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(previous), static_cast<utf8proc_int32_t>(c),
                                           &state))
        break;
      previous = c;
      p = next;
    }
    const std::string_view part(grapheme, static_cast<size_t>(p - grapheme));
    if (const auto hit = part.size() < kShort ? first_hit(part) : std::nullopt) {
      out += *hit;
      continue;
    }
    for (size_t i = 0; i < part.size(); i += char_length(part[i])) append(part.substr(i, char_length(part[i])));
  }
  return out;
}

}  // namespace hearth::text
