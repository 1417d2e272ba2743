#include "text/unicode/normalize.h"

#include <gtest/gtest.h>
#include <utf8proc.h>

#include <chrono>
#include <cstdlib>

#include "base/random.h"
#include "base/utf8.h"

namespace hearth::text {
namespace {

// utf8proc on the whole text at once.
std::string whole(std::string_view text, int options) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(options | UTF8PROC_STABLE));
  std::string out(reinterpret_cast<const char*>(mapped), static_cast<size_t>(length));
  std::free(mapped);
  return out;
}

constexpr std::pair<NormalForm, int> kForms[] = {{NormalForm::kNfc, UTF8PROC_COMPOSE},
                                                 {NormalForm::kNfd, UTF8PROC_DECOMPOSE},
                                                 {NormalForm::kNfkc, UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
                                                 {NormalForm::kNfkd, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT}};

TEST(Normalize, cutting_before_plain_characters_changes_nothing) {
  static constexpr std::string_view kParts[] = {
      "a",      "e",      " ",      "\u00E9", "\u0300", "\u0327", "\u0301",       "\u00DF", "\u1100", "\u1161",
      "\u11A8", "\uAC00", "\u304B", "\u3099", "\uFB01", "\u212B", "\u1E9B\u0323", "\u2460", "\u00BD", "\u0344"};
  Random random(11);
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (size_t n = random.below(10); n-- > 0;) {
      if (random.below(4) == 0) utf8::append(static_cast<char32_t>(0x20 + random.below(0x3000)), text);
      else text += kParts[random.below(std::size(kParts))];
    }
    for (const auto& [form, options] : kForms) EXPECT_EQ(normalized(text, form), whole(text, options)) << text;
  }
}

// Long runs of marks are sorted before the library sees them, which would take their square.
TEST(Normalize, many_marks_are_sorted_as_few) {
  static constexpr std::string_view kMarks[] = {"\u0301", "\u0323", "\u0327", "\u0344", "\u0F73", "\u0F71", "\uFF9E", "\u3099", "\u05B0", "\u0340"};
  Random random(12);
  for (int i = 0; i < 300; ++i) {
    std::string text = random.below(2) == 0 ? "e\u00EA" : "x\u304B";
    for (size_t n = 30 + random.below(60); n-- > 0;) text += random.below(40) == 0 ? "\u1EC7" : kMarks[random.below(std::size(kMarks))];
    for (const auto& [form, options] : kForms)
      ASSERT_EQ(normalized(text, form), whole(text, options)) << text;
  }
  std::string hostile;
  for (int i = 0; i < 100'000; ++i) hostile += "\u0301";
  for (int i = 0; i < 100'000; ++i) hostile += "\u0323";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(normalized(hostile, NormalForm::kNfc).size(), hostile.size());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));  // milliseconds; a square takes minutes
}

TEST(LowerCase, is_the_full_mapping) { EXPECT_EQ(lower_case("ÀİΣ"), "ài\u0307σ"); }

}  // namespace
}  // namespace hearth::text
