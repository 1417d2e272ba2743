#include "text/unicode/normalize.h"

#include <utf8proc.h>

#include <cstdlib>

#include "base/check.h"
#include "base/utf8.h"
#include "text/unicode/char_class.h"

namespace hearth::text {

namespace {

void append_mapped(std::string_view text, int options, std::string& out) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(options));
  HEARTH_CHECK(length >= 0, "utf8proc refused valid UTF-8");
  out.append(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
  std::free(mapped);
}

}  // namespace

std::string normalized(std::string_view text, NormalForm form) {
  int options = UTF8PROC_STABLE;
  options |= form == NormalForm::kNfc || form == NormalForm::kNfkc ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE;
  if (form == NormalForm::kNfkc || form == NormalForm::kNfkd) options |= UTF8PROC_COMPAT;
  // Plain characters stay as they are and take in nothing from the left, so a text may be cut before each of them. In
  // NFC these are all below the first combining mark, else ASCII.
  const char32_t plain_below = form == NormalForm::kNfc ? 0x300 : 0x80;
  std::string out;
  out.reserve(text.size());
  const char *p = text.data(), *const end = p + text.size(), *kept = p;
  while (p != end) {
    const char* plain = p;  // the last plain character before the others may change with them
    while (p != end) {
      const char* next = p;
      if (take_char(next) >= plain_below) break;
      plain = p;
      p = next;
    }
    if (p == end) break;
    out.append(kept, plain);
    while (p != end) {
      const char* next = p;
      if (take_char(next) < plain_below) break;
      p = next;
    }
    append_mapped({plain, static_cast<size_t>(p - plain)}, options, out);
    kept = p;
  }
  return out.append(kept, end);
}

std::string lower_case(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char *p = text.data(), *end = p + text.size(); p != end;) {
    const char32_t c = take_char(p);
    if (c == 0x130) out += "i\xCC\x87";  // the one character whose lower case is two
    else utf8::append(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), out);
  }
  return out;
}

}  // namespace hearth::text
