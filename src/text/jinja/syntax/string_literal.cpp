#include "text/jinja/syntax/string_literal.h"

#include <charconv>

#include "base/utf8.h"

namespace hearth::text::jinja {

namespace {

Failure bad_escape(std::string_view what) { return fail(ErrorCode::kBadFile, "a string has {}", what); }

char simple_escape(char c) {
  constexpr std::string_view kNames = "\\'\"abfnrtv", kValues = "\\'\"\a\b\f\n\r\t\v";
  const size_t at = kNames.find(c);
  return at == std::string_view::npos ? '\0' : kValues[at];
}

// Jinja2 turns other alphabets into escapes before it reads escapes, so a backslash before one of their letters
// escapes that escape's backslash.
void append_escaped_letter(char32_t c, std::string& out) {
  if (c <= 0xFF) out += fmt::format("\\x{:02x}", static_cast<uint32_t>(c));
  else if (c <= 0xFFFF) out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
  else out += fmt::format("\\U{:08x}", static_cast<uint32_t>(c));
}

Result<size_t> append_hexadecimal(std::string_view text, size_t digits, std::string& out) {
  uint32_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + std::min(digits, text.size()), value, 16);
  if (text.size() < digits || parsed.ptr != text.data() + digits) return bad_escape("a truncated \\x or \\u escape");
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return bad_escape("an escape that is no character");
  utf8::append(value, out);
  return digits;
}

// Appends what the escape behind a backslash means; returns how many bytes it takes.
Result<size_t> append_escape(std::string_view text, std::string& out) {
  const char c = text[0];
  if (c == '\n') return 1;
  if (const char simple = simple_escape(c); simple != '\0') return out += simple, 1;
  if (c >= '0' && c <= '7') {
    size_t length = 0;
    uint32_t value = 0;
    for (; length < 3 && length < text.size() && text[length] >= '0' && text[length] <= '7'; ++length)
      value = value * 8 + static_cast<uint32_t>(text[length] - '0');
    utf8::append(value, out);
    return length;
  }
  if (c == 'x' || c == 'u' || c == 'U') {
    HEARTH_TRY(taken, append_hexadecimal(text.substr(1), c == 'x' ? 2 : c == 'u' ? 4 : 8, out));
    return taken + 1;
  }
  if (c == 'N') return bad_escape("a \\N escape, which is not supported");
  const utf8::Decoded d = utf8::decode(text);
  if (d.code_point >= 0x80) append_escaped_letter(d.code_point, out);
  else out += '\\', out += c;
  return d.length;
}

}  // namespace

Result<std::string> unescape(std::string_view literal) {
  std::string out;
  out.reserve(literal.size());
  for (size_t at = 0; at < literal.size();) {
    if (literal[at] != '\\') {
      out += literal[at++];
      continue;
    }
    if (at + 1 == literal.size()) return bad_escape("a backslash at its end");
    HEARTH_TRY(taken, append_escape(literal.substr(at + 1), out));
    at += 1 + taken;
  }
  return out;
}

}  // namespace hearth::text::jinja
