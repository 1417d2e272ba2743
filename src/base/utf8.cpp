#include "base/utf8.h"

namespace hearth::utf8 {

namespace {

// What may follow a lead byte: how many continuation bytes, and the narrowed range of the first of them.
struct Lead {
  uint8_t more, low, high;
};

constexpr Lead lead_of(uint8_t b) {
  if (b >= 0xC2 && b <= 0xDF) return {1, 0x80, 0xBF};
  if (b == 0xE0) return {2, 0xA0, 0xBF};
  if (b == 0xED) return {2, 0x80, 0x9F};
  if (b >= 0xE1 && b <= 0xEF) return {2, 0x80, 0xBF};
  if (b == 0xF0) return {3, 0x90, 0xBF};
  if (b == 0xF4) return {3, 0x80, 0x8F};
  if (b >= 0xF1 && b <= 0xF3) return {3, 0x80, 0xBF};
  return {0, 0, 0};
}

}  // namespace

Decoded decode(std::string_view text) {
  if (text.empty()) return {};
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  const Lead lead = lead_of(first);
  if (lead.more == 0) return {kReplacement, 1, false};
  char32_t cp = first & (0x3F >> lead.more);
  for (uint8_t i = 1; i <= lead.more; ++i) {
    const uint8_t low = i == 1 ? lead.low : 0x80, high = i == 1 ? lead.high : 0xBF;
    if (i >= text.size() || byte(i) < low || byte(i) > high) return {kReplacement, i, false};
    cp = cp << 6 | (byte(i) & 0x3F);
  }
  return {cp, static_cast<uint8_t>(lead.more + 1), true};
}

void append(char32_t cp, std::string& out) {
  if (cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF)) cp = kReplacement;
  if (cp < 0x80) {
    out += static_cast<char>(cp);
  } else if (cp < 0x800) {
    out += static_cast<char>(0xC0 | cp >> 6);
    out += static_cast<char>(0x80 | (cp & 0x3F));
  } else if (cp < 0x10000) {
    out += static_cast<char>(0xE0 | cp >> 12);
    out += static_cast<char>(0x80 | (cp >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | cp >> 18);
    out += static_cast<char>(0x80 | (cp >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (cp >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (cp & 0x3F));
  }
}

bool is_valid(std::string_view text) {
  while (!text.empty()) {
    const Decoded d = decode(text);
    if (!d.valid) return false;
    text.remove_prefix(d.length);
  }
  return true;
}

// The text with U+FFFD for what is invalid and for the code points that `unwanted` names.
template <class Unwanted>
static std::string replaced(std::string_view text, Unwanted unwanted) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Decoded d = decode(text);
    if (d.valid && !unwanted(d.code_point)) out.append(text.substr(0, d.length));
    else append(kReplacement, out);
    text.remove_prefix(d.length);
  }
  return out;
}

std::string sanitize(std::string_view text) {
  return replaced(text, [](char32_t) { return false; });
}

std::string plain(std::string_view text) {
  return replaced(text, [](char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); });
}

size_t count(std::string_view text) {
  size_t n = 0;
  for (; !text.empty(); ++n) text.remove_prefix(decode(text).length);
  return n;
}

size_t incomplete_tail(std::string_view text) {
  for (size_t n = 1; n <= 3 && n <= text.size(); ++n) {
    const char b = text[text.size() - n];
    if (is_continuation(b)) continue;  // look further back for its lead
    const std::string_view tail = text.substr(text.size() - n);
    const Lead lead = lead_of(static_cast<uint8_t>(b));
    // Incomplete only if every byte so far fits: decode() stops short exactly at the end of the text.
    return lead.more >= n && decode(tail).length == n ? n : 0;
  }
  return 0;
}

}  // namespace hearth::utf8
