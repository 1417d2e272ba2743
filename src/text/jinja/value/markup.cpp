#include "text/jinja/value/markup.h"

#include <charconv>

#include "base/utf8.h"
#include "text/jinja/value/characters.h"

namespace hearth::text::jinja {

namespace {

std::string_view entity_for(char c) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '\'': return "&#39;";
    case '"': return "&#34;";
    default: return {};
  }
}

// The character that the entity at the front of `text` stands for, and its length; length 0 where there is none.
std::pair<std::string, size_t> entity_at(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kNamed[] = {
      {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&nbsp;", "\xC2\xA0"}};
  for (const auto& [name, character] : kNamed)
    if (text.starts_with(name)) return {std::string(character), name.size()};
  if (!text.starts_with("&#")) return {{}, 0};
  const bool hexadecimal = text.size() > 2 && (text[2] == 'x' || text[2] == 'X');
  const char* begin = text.data() + (hexadecimal ? 3 : 2);
  uint32_t code = 0;
  const auto parsed = std::from_chars(begin, text.data() + text.size(), code, hexadecimal ? 16 : 10);
  if (parsed.ec != std::errc() || parsed.ptr == text.data() + text.size() || *parsed.ptr != ';') return {{}, 0};
  std::string out;
  utf8::append(code, out);
  return {out, static_cast<size_t>(parsed.ptr + 1 - text.data())};
}

// What stands between `open` and the next `close` is left out; an `open` that nothing closes stays.
Traced without(const Traced& text, std::string_view open, std::string_view close) {
  const std::string_view bytes = text.bytes();
  Traced out;
  size_t at = 0;
  for (size_t begin; (begin = bytes.find(open, at)) != bytes.npos;) {
    const size_t end = bytes.find(close, begin);
    if (end == bytes.npos) break;
    out.append_slice(text, at, begin);
    at = end + close.size();
  }
  out.append_slice(text, at, text.size());
  return out;
}

}  // namespace

Traced escape_html(const Traced& text) {
  std::string out;
  for (const char c : text.bytes()) {
    if (const std::string_view entity = entity_for(c); !entity.empty()) out += entity;
    else out += c;
  }
  return out == text.bytes() ? text : text.changed_to(std::move(out));
}

Traced unescape_html(const Traced& text) {
  const std::string_view bytes = text.bytes();
  std::string out;
  for (size_t at = 0; at < bytes.size();) {
    const auto [character, length] =
        bytes[at] == '&' ? entity_at(bytes.substr(at)) : std::pair<std::string, size_t>{{}, 0};
    if (length > 0) out += character;
    else out += bytes[at];
    at += length > 0 ? length : 1;
  }
  return text.changed_to(std::move(out));
}

Traced strip_tags(const Traced& text) {
  const Traced bare = without(without(text, "<!--", "-->"), "<", ">");
  Traced out;
  for (const auto& [begin, end] : word_bounds(bare.bytes())) {
    if (!out.empty()) out.append(" ");
    out.append_slice(bare, begin, end);
  }
  return unescape_html(out);
}

}  // namespace hearth::text::jinja
