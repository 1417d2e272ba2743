#include "text/unicode/char_class.h"

#include <utf8proc.h>

#include <cstring>
#include <memory>

#include "base/utf8.h"

namespace hearth::text {

namespace {

constexpr char32_t kTableSize = 0x20000;

constexpr bool is_white_space(char32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

uint16_t category_class(char32_t c) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT: return kLetter | kUpperLike;
    case UTF8PROC_CATEGORY_LL: return kLetter | kLowerLike;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return kLetter | kUpperLike | kLowerLike;
    case UTF8PROC_CATEGORY_MN: return kMark | kNonSpacing | kUpperLike | kLowerLike;
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return kMark | kUpperLike | kLowerLike;
    case UTF8PROC_CATEGORY_ND: return kNumber | kDecimal;
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return kNumber;
    case UTF8PROC_CATEGORY_PC: return kPunctuation | kConnector;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return kPunctuation;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return kSymbol;
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CS: return kOther;
    default: return 0;
  }
}

uint16_t class_of(char32_t c) {
  uint16_t bits = category_class(c);
  if (is_white_space(c)) bits |= kSpace;
  if (c == '\r' || c == '\n') bits |= kNewline;
  return bits;
}

}  // namespace

const uint16_t* char_class_table() {
  static const std::unique_ptr<uint16_t[]> table = [] {
    auto filled = std::make_unique<uint16_t[]>(kTableSize);
    for (char32_t c = 0; c < kTableSize; ++c) filled[c] = class_of(c);
    return filled;
  }();
  return table.get();
}

uint16_t char_class(char32_t c) { return c < kTableSize ? char_class_table()[c] : class_of(c); }

bool is_valid_utf8(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  while (p != end) {
    uint64_t eight = 0;
    while (end - p >= 8 && (std::memcpy(&eight, p, 8), (eight & 0x8080808080808080) == 0)) p += 8;
    if (p == end) break;
    const utf8::Decoded next = utf8::decode({p, static_cast<size_t>(end - p)});
    if (!next.valid) return false;
    p += next.length;
  }
  return true;
}

bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) ||
         (c >= 0x2B920 && c <= 0x2CEAF) ||  // sic: every BERT implementation begins this block at 2B920
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

}  // namespace hearth::text
