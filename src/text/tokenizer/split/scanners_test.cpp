// The hand-written matchers give the same pieces as their patterns in PCRE2.
#include "text/tokenizer/split/scanners.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/random.h"
#include "base/utf8.h"
#include "text/tokenizer/split/pre_tokenizer.h"
#include "text/unicode/char_class.h"

namespace hearth::text {
namespace {

struct Collect final : PieceSink {
  void piece(std::string_view text) override { pieces.emplace_back(text); }
  std::vector<std::string> pieces;
};

std::vector<std::string> pieces_of(PatternSplit split, std::string_view text) {
  PreTokenizer pre;
  pre.add(std::move(split));
  Collect sink;
  pre.split(text, true, sink);
  return sink.pieces;
}

// The two sides may be built for different versions of Unicode: characters that PCRE2 classes differently are not
// drawn.
bool classed_alike(char32_t c) {
  static const Regex kLetters = Regex::compile(R"(^\p{L})").value(), kMarks = Regex::compile(R"(^\p{M})").value(),
                     kNumbers = Regex::compile(R"(^\p{N})").value(),
                     kMarksAndSigns = Regex::compile(R"(^[\p{P}\p{S}])").value(),
                     kUpper = Regex::compile(R"(^[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])").value(),
                     kLower = Regex::compile(R"(^[\p{Ll}\p{Lm}\p{Lo}\p{M}])").value();
  std::string text;
  utf8::append(c, text);
  const auto same = [&](const Regex& regex, uint16_t bits) {
    return regex.find(text, 0).has_value() == ((char_class(c) & bits) != 0);
  };
  return same(kLetters, kLetter) && same(kMarks, kMark) && same(kNumbers, kNumber) &&
         same(kMarksAndSigns, kPunctuation | kSymbol) && same(kUpper, kUpperLike) && same(kLower, kLowerLike);
}

char32_t any_char(Random& random) {
  static constexpr char32_t kLimits[] = {0x80, 0x250, 0x3100, 0x10000, 0x20000};
  while (true) {
    const auto c = static_cast<char32_t>(random.below(kLimits[random.below(std::size(kLimits))]));
    if ((c < 0xD800 || c > 0xDFFF) && classed_alike(c)) return c;
  }
}

std::string random_text(Random& random) {
  static constexpr std::string_view kParts[] = {" ",      "  ",
                                                "\n",     "\r\n",
                                                "\t",     "\u00A0",
                                                "\u3000", "a",
                                                "Bc",     "DEF",
                                                "xyz",    "É",
                                                "ß",      "ς",
                                                "ǅ",      "ʰ",
                                                "中",     "かな",
                                                "한",     "'s",
                                                "'T",     "'re",
                                                "'VE",    "'ll",
                                                "'ſ",     "'x",
                                                "'",      "0",
                                                "12",     "3456",
                                                "½",      "Ⅷ",
                                                "\u0301", "\u093F",
                                                "!",      "...",
                                                "/",      "//\n",
                                                "-",      "😀",
                                                "\u200D", "\u180E",
                                                "\u0085", "€",
                                                "_",      std::string_view("\0", 1),
                                                "\u0378"};
  std::string text;
  for (size_t n = random.below(24); n-- > 0;) {
    if (random.below(6) == 0) utf8::append(any_char(random), text);
    else text += kParts[random.below(std::size(kParts))];
  }
  return text;
}

TEST(Scanners, give_the_pieces_of_their_patterns) {
  using namespace pattern;
  for (const std::string_view spelled :
       {kGpt2, kLlama3, kQwen2, kQwen35, kO200k, kTekken, kDeepseek3, kDigit, kDigits, kDigitsUpTo3}) {
    const Scanner scanner = find_scanner(spelled);
    ASSERT_NE(scanner, nullptr) << spelled;
    const Regex regex = Regex::compile(spelled).value();
    Random random(17);
    for (int i = 0; i < 4000; ++i) {
      const std::string text = random_text(random);
      ASSERT_EQ(pieces_of({scanner}, text), pieces_of({regex}, text)) << spelled << "\non: " << text;
    }
  }
}

TEST(Scanners, white_space_at_the_end_is_sought_once) {
  const Regex regex = Regex::compile(R"(\s+$)").value();
  Random random(18);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = random_text(random);
    ASSERT_EQ(pieces_of(*split_by(R"(\s+$)"), text), pieces_of({regex}, text)) << text;
  }
  const std::string hostile = std::string(300'000, ' ') + "1";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(pieces_of(*split_by(R"(\s+$)"), hostile).size(), 1u);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));  // milliseconds; a square takes a minute
}

TEST(Scanners, white_space_is_unicodes) {
  // U+180E has not been white space since Unicode 6.3, U+0085 is.
  EXPECT_EQ(pieces_of({find_scanner(pattern::kGpt2)}, "a\u180E b"), (std::vector<std::string>{"a", "\u180E", " b"}));
  EXPECT_EQ(pieces_of(*split_by(R"(\s+)"), "a\u180E\u0085b"), (std::vector<std::string>{"a\u180E", "\u0085", "b"}));
}

TEST(Regex, rewrites_what_pcre2_would_misread) {
  EXPECT_EQ(rewrite_for_pcre2(R"([\p{L}&&[^\p{Han}]]+)").value(), R"((?:(?=[^\p{sc:Han}])[\p{L}])+)");
  EXPECT_EQ(rewrite_for_pcre2("[a[bc]d]").value(), "[abcd]");
  EXPECT_EQ(rewrite_for_pcre2(R"([\[\]\\])").value(), R"([\[\]\\])");
  EXPECT_EQ(rewrite_for_pcre2("[]a]").value(), "[]a]");
  // By script extensions the ideographic full stop would be Han.
  EXPECT_EQ(pieces_of(*split_by(R"(\p{Han}+)"), "中。文"), (std::vector<std::string>{"中", "。", "文"}));
}

std::vector<std::string> matches_of(std::string_view pattern, std::string_view text) {
  return pieces_of(*split_by(pattern, SplitBehavior::kRemoved, true, Anchors::kLine), text);
}

// The answers are those of Hugging Face's tokenizers, which match by Oniguruma.
TEST(Regex, means_what_oniguruma_means) {
  using Pieces = std::vector<std::string>;
  EXPECT_EQ(matches_of("^b|b$", "b\nab\nbc"), (Pieces{"b", "b", "b"}));
  EXPECT_EQ(pieces_of(*split_by(R"(\s+$)", SplitBehavior::kIsolated, false, Anchors::kLine), "a  \n  b  "),
            (Pieces{"a", "  ", "\n  b", "  "}));
  EXPECT_EQ(pieces_of({*Regex::compile("b$")}, "b\nb"), (Pieces{"b\n", "b"}));  // as Rust's regex has it
  EXPECT_EQ(matches_of(R"(\h)", "09afAFgG \tx"), (Pieces{"0", "9", "a", "f", "A", "F"}));
  EXPECT_EQ(matches_of(R"([\h]|\H)", "0g"), (Pieces{"0", "g"}));
  EXPECT_EQ(matches_of(R"(\w)", "aé½²Ⅷⓐ_-"), (Pieces{"a", "é", "½", "²", "Ⅷ", "ⓐ", "_"}));
  EXPECT_EQ(matches_of(R"([\w])", "a½²Ⅷⓐ_-"), (Pieces{"a", "Ⅷ", "ⓐ", "_"}));
  EXPECT_EQ(matches_of(R"(\ba)", "a ½a _a -a"), (Pieces{"a", "a"}));
  EXPECT_EQ(matches_of(R"([\S]+)", "a\u180E b\u0085c"), (Pieces{"a\u180E", "b", "c"}));
}

TEST(Regex, long_matches_take_bounded_memory) {
  const Regex regex = Regex::compile("(?:[A-Z]|[a-z])+").value();
  EXPECT_EQ(regex.find(std::string(100'000, 'A'), 0).value().end, 100'000u);
  EXPECT_FALSE(regex.find(std::string(4'000'000, 'A'), 0));  // would take gigabytes
}

TEST(Regex, refuses_what_it_cannot_rewrite) {
  for (const std::string_view pattern : {"[^a&&[b]]", "[a&&b]", "[a[^b]]", "[[:alpha:]]", "[a"}) {
    const auto regex = Regex::compile(pattern);
    ASSERT_FALSE(regex) << pattern;
    EXPECT_EQ(regex.error().code, ErrorCode::kUnsupported) << pattern;
  }
  EXPECT_EQ(Regex::compile("(a").error().code, ErrorCode::kBadFile);
}

}  // namespace
}  // namespace hearth::text
