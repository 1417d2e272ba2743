#include "text/unicode/normalize.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

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

// The library sorts marks by moving each past its neighbours, which long runs of them make a square. Sorted before, they stay.
constexpr size_t kManyMarks = 32;

uint16_t order_of(char32_t c) { return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class; }

// Characters that are no marks but fall apart into such alone: of Tibetan, and the narrow sound marks of Japanese.
bool is_made_of_marks(char32_t c) { return c == 0x0F73 || c == 0x0F75 || c == 0x0F81 || c == 0xFF9E || c == 0xFF9F; }

bool has_many_marks(std::string_view text) {
  size_t run = 0;
  for (const char *p = text.data(), *end = p + text.size(); p != end;) {
    const char32_t c = take_char(p);
    run = order_of(c) != 0 || is_made_of_marks(c) ? run + 1 : 0;
    if (run > kManyMarks) return true;
  }
  return false;
}

// Taken apart, with marks in canonical order.
std::string sorted_apart(std::string_view text, int options) {
  const auto apart = static_cast<utf8proc_option_t>((options & ~UTF8PROC_COMPOSE) | UTF8PROC_DECOMPOSE);
  std::vector<char32_t> characters;
  utf8proc_int32_t parts[32];  // eighteen are the most
  for (const char *p = text.data(), *end = p + text.size(); p != end;) {
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(take_char(p)), parts, std::size(parts), apart, nullptr);
    HEARTH_CHECK(count >= 0 && static_cast<size_t>(count) <= std::size(parts), "a character of many parts");
    characters.insert(characters.end(), parts, parts + count);
  }
  for (auto at = characters.begin(); at != characters.end();) {
    at = std::find_if(at, characters.end(), [](char32_t c) { return order_of(c) != 0; });
    const auto behind = std::find_if(at, characters.end(), [](char32_t c) { return order_of(c) == 0; });
    std::stable_sort(at, behind, [](char32_t a, char32_t b) { return order_of(a) < order_of(b); });
    at = behind;
  }
  std::string out;
  for (const char32_t c : characters) utf8::append(c, out);
  return out;
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
    const std::string_view part(plain, static_cast<size_t>(p - plain));
    if (has_many_marks(part)) append_mapped(sorted_apart(part, options), options, out);
    else append_mapped(part, options, out);
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
