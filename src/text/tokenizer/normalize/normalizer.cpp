#include "text/tokenizer/normalize/normalizer.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/split/scanners.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // ▁

// Calls `each(code point, its bytes)` for every character.
template <class Each>
void for_each_char(std::string_view text, Each each) {
  for (const char *p = text.data(), *end = p + text.size(); p != end;) {
    const char* begin = p;
    const char32_t c = take_char(p);
    each(c, std::string_view(begin, static_cast<size_t>(p - begin)));
  }
}

std::string without(uint16_t classes, std::string_view text) {
  std::string out;
  for_each_char(text, [&](char32_t c, std::string_view bytes) {
    if ((char_class(c) & classes) == 0) out += bytes;
  });
  return out;
}

std::string apply(NormalForm form, std::string text) { return normalized(text, form); }
std::string apply(const Lowercase&, std::string text) { return lower_case(text); }
std::string apply(const StripAccents&, std::string text) { return without(kMark, text); }

std::string apply(const StripSpaces& step, std::string text) {
  const char *begin = text.data(), *end = begin + text.size();
  while (step.left && begin != end && scan_space(begin, end) > 0) begin += char_length(*begin);
  while (step.right && begin != end) {
    const char* last = end - 1;
    while (utf8::is_continuation(*last)) --last;
    if (scan_space(last, end) == 0) break;
    end = last;
  }
  return std::string(begin, end);
}

std::string apply(const ReplaceAll& step, std::string text) {
  std::string out;
  size_t kept = 0;
  for (size_t from = 0; from <= text.size();) {
    const auto match = step.pattern.find(text, from);
    if (!match) break;
    out.append(text, kept, match->begin - kept).append(step.content);
    kept = match->end;
    from = match->end != match->begin ? match->end
           : match->end < text.size() ? match->end + char_length(text[match->end])
                                      : text.size() + 1;
  }
  return out.append(text, kept);
}

std::string apply(const ReplaceText& step, std::string text) {
  if (step.from.empty()) return text;
  std::string out;
  out.reserve(text.size() + text.size() / 2);
  size_t kept = 0;
  for (size_t at = text.find(step.from); at != std::string::npos; at = text.find(step.from, kept)) {
    out.append(text, kept, at - kept).append(step.to);
    kept = at + step.from.size();
  }
  return out.append(text, kept);
}

std::string apply(const PrependText& step, std::string text) { return text.empty() ? text : step.text + text; }

std::string apply(const BertNormalizer& step, std::string text) {
  std::string out;
  out.reserve(text.size());
  for_each_char(text, [&](char32_t c, std::string_view bytes) {
    const bool space = (char_class(c) & kSpace) != 0;
    const bool dropped =
        c == 0 || c == 0xFFFD || ((char_class(c) & kOther) != 0 && c != '\t' && c != '\n' && c != '\r');
    if (step.clean_text && dropped) return;
    if (step.clean_text && space) out += ' ';
    else if (step.surround_ideographs && is_ideograph(c)) out.append(" ").append(bytes).append(" ");
    else out += bytes;
  });
  if (step.strip_accents) out = without(kNonSpacing, normalized(out, NormalForm::kNfd));
  if (step.lowercase) out = lower_case(out);
  return out;
}

std::string apply(const NmtNormalizer&, std::string text) {
  const auto dropped = [](char32_t c) {
    return (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  };
  const auto blank = [](char32_t c) {
    return c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 ||
           c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  };
  std::string out;
  for_each_char(text, [&](char32_t c, std::string_view bytes) {
    if (blank(c)) out += ' ';
    else if (!dropped(c)) out += bytes;
  });
  return out;
}

std::string apply(const SpellInBytes&, std::string text) { return spell_bytes(text); }

std::string apply(const std::shared_ptr<const PrecompiledMap>& map, std::string text) {
  return map ? map->apply_by_grapheme(text) : text;
}

// What stands at the front of the text, after the character map: how many bytes it took, and what they became.
PrecompiledMap::Hit next_normalized(const SentencePieceNormalizer& step, std::string_view text) {
  size_t kept = 0;
  step.user_defined.prefixes(text, [&](size_t length, int32_t) { kept = length; });
  if (kept > 0) return {kept, text.substr(0, kept)};
  if (step.map)
    if (const auto hit = step.map->longest_prefix(text)) return *hit;
  const size_t length = char_length(text[0]);
  return {length, text.substr(0, length)};
}

std::string apply(const SentencePieceNormalizer& step, std::string text) {
  const std::string_view space = step.escape_spaces ? kSpaceMark : " ";
  std::string_view rest = text;
  std::string out;
  out.reserve(rest.size() + rest.size() / 2);
  bool after_space = step.remove_extra_spaces;  // swallows spaces at the beginning
  bool empty = true;
  for (; !rest.empty();) {
    const auto [length, raw] = next_normalized(step, rest);
    rest.remove_prefix(length);
    std::string_view part = raw;
    while (after_space && part.starts_with(' ')) part.remove_prefix(1);
    if (part.empty()) continue;
    if (empty && step.add_dummy_prefix && !step.space_is_suffix) out += space;
    empty = false;
    for (const char c : part) {
      if (c == ' ') out += space;
      else out += c;
    }
    after_space = step.remove_extra_spaces && part.ends_with(' ');
  }
  if (empty) return {};
  if (step.remove_extra_spaces)
    while (out.ends_with(space)) out.resize(out.size() - space.size());
  if (step.add_dummy_prefix && step.space_is_suffix) out += space;
  return out;
}

}  // namespace

void Normalizer::add(NormalStep step) { steps_.push_back(std::move(step)); }

std::string Normalizer::run(std::string_view text) const {
  std::string out(text);
  for (const NormalStep& step : steps_) out = std::visit([&](const auto& s) { return apply(s, std::move(out)); }, step);
  return out;
}

}  // namespace hearth::text
