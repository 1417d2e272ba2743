#include "base/options/options.h"

#include <gtest/gtest.h>


#include "base/file.h"
#include "base/options/describe.h"
#include "base/options/sources.h"
#include "base/test_folder.h"

namespace hearth::options {
namespace {

struct Settings {
  double warmth = 0.8;
  uint32_t top = 40;
  int32_t last = 64;
  std::optional<uint64_t> seed;
  std::optional<bool> think;
  bool stats = false;
  std::string layout = "f16";
  std::vector<std::string> stop;
  bool once = false;

  OptionList list() {
    OptionList v;
    v.section("Sampling");
    v("warmth", warmth, "how bold", in_range(0, 10));
    v("top-k", top, "how many", any().short_flag('k'));
    v("repeat-last-n", last, "how far back", at_least(-1));
    v("seed", seed, "start of the random stream", any().or_else("random"));
    v("think", think, "reason first");
    v.section("Other");
    v("stats", stats, "print counts");
    v("layout", layout, "numbers", one_of({"f16", "f32"}));
    v("stop", stop, "ends the answer");
    v("once", once, "now", any().flag_only());
    return v;
  }
};

Result<std::vector<std::string>> read(OptionList& list, std::vector<std::string> arguments) {
  return read_command_line(list, arguments);
}

std::string refusal(std::vector<std::string> arguments) {
  Settings s;
  auto list = s.list();
  const auto result = read(list, std::move(arguments));
  EXPECT_FALSE(result.has_value());
  if (result) return "";
  EXPECT_EQ(result.error().code, ErrorCode::kUsage);
  return result.error().text();
}

class ConfigFile : public ::testing::Test {
 protected:
  void write(const std::string& text) { ASSERT_TRUE(write_file(path_, text)); }
  Result<void> apply(OptionList& list, std::vector<std::string> elsewhere = {}) {
    HEARTH_TRY(entries, load_config(path_));
    return read_config(list, path_, entries, elsewhere);
  }

  const testing::TestFolder folder_;
  const std::string path_ = folder_.path("hearth.toml");
};

TEST(OptionsTest, command_line_forms) {
  Settings s;
  auto list = s.list();
  const auto left = read(list, {"a", "--warmth", "0", "--top-k=7", "--repeat-last-n", "-1", "-", "--stats", "--no-think",
                                "--stop", "x", "--stop=y", "--seed", "18446744073709551615", "--", "--b"});
  ASSERT_TRUE(left) << left.error().text();
  EXPECT_EQ(*left, (std::vector<std::string>{"a", "-", "--b"}));
  EXPECT_EQ(s.warmth, 0);
  EXPECT_EQ(s.top, 7u);
  EXPECT_EQ(s.last, -1);
  EXPECT_TRUE(s.stats);
  EXPECT_EQ(s.think, false);
  EXPECT_EQ(s.stop, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(s.seed, UINT64_MAX);
}

TEST(OptionsTest, short_flags) {
  Settings s;
  auto list = s.list();
  ASSERT_TRUE(read(list, {"-k", "3"}));
  EXPECT_EQ(s.top, 3u);
  ASSERT_TRUE(read(list, {"-k9"}));
  EXPECT_EQ(s.top, 9u);
}

TEST(OptionsTest, refusals_name_the_flag_and_the_remedy) {
  EXPECT_EQ(refusal({"--warmht", "1"}), "there is no flag --warmht; did you mean --warmth?");
  EXPECT_EQ(refusal({"--zzz"}), "there is no flag --zzz");
  EXPECT_EQ(refusal({"-x"}), "there is no flag -x");
  EXPECT_EQ(refusal({"--warmth", "11"}), "--warmth takes a number from 0 to 10; it was given '11'");
  EXPECT_EQ(refusal({"--warmth", "nan"}), "--warmth takes a number from 0 to 10; it was given 'nan'");
  EXPECT_EQ(refusal({"--top-k", "-1"}), "--top-k takes a whole number, 0 or more; it was given '-1'");
  EXPECT_EQ(refusal({"--top-k", "4.5"}), "--top-k takes a whole number, 0 or more; it was given '4.5'");
  EXPECT_EQ(refusal({"--top-k", "4294967296"}), "--top-k takes a whole number, 0 or more; it was given '4294967296'");
  EXPECT_EQ(refusal({"--top-k"}), "--top-k needs a value: --top-k N");
  EXPECT_EQ(refusal({"--layout", "f64"}), "--layout takes one of f16, f32; it was given 'f64'");
  EXPECT_EQ(refusal({"--stats=maybe"}), "--stats takes on or off; it was given 'maybe'");
  EXPECT_EQ(refusal({"--no-warmth"}), "there is no flag --no-warmth; did you mean --warmth?");
  EXPECT_EQ(refusal({"--no-stats=on"}), "--no-stats takes no value");
}

TEST(OptionsTest, stronger_sources_win_in_any_order) {
  Settings s;
  auto list = s.list();
  ASSERT_TRUE(read(list, {"--warmth", "3"}));
  std::vector<std::string> warnings;
  ASSERT_TRUE(read_environment(list, {{"HEARTH_WARMTH", "2"}, {"HEARTH_TOP_K", "5"}, {"HEARTH_STOP", "a\nb"}}, {}, warnings));
  ASSERT_TRUE(list.set("top_k", "1", Source::kModel));
  ASSERT_TRUE(list.set("repeat-last-n", "8", Source::kModel));
  EXPECT_EQ(s.warmth, 3);
  EXPECT_EQ(s.top, 5u);
  EXPECT_EQ(s.last, 8);
  EXPECT_EQ(s.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(list.find("top-k")->source, Source::kEnvironment);
  ASSERT_TRUE(list.set("stop", "c", Source::kSession));
  EXPECT_EQ(s.stop, std::vector<std::string>{"c"});
  ASSERT_TRUE(list.set("stop", "", Source::kSession));
  EXPECT_TRUE(s.stop.empty());
  EXPECT_TRUE(warnings.empty());
}

TEST(OptionsTest, environment_mistakes) {
  Settings s;
  auto list = s.list();
  std::vector<std::string> warnings;
  const std::vector<std::string> elsewhere = {"HEARTH_ISA"};
  ASSERT_TRUE(read_environment(list, {{"HEARTH_WARMHT", "2"}, {"HEARTH_ISA", "avx2"}, {"HEARTH_ONCE", "1"}}, elsewhere, warnings));
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_EQ(warnings[0], "the variable HEARTH_WARMHT is unknown and ignored; did you mean HEARTH_WARMTH?");
  EXPECT_FALSE(s.once);
  const auto wrong = read_environment(list, {{"HEARTH_WARMTH", "hot"}}, {}, warnings);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kConfig);
  EXPECT_EQ(wrong.error().text(), "HEARTH_WARMTH takes a number from 0 to 10; it was given 'hot'");
}

TEST_F(ConfigFile, values_of_every_type) {
  write("warmth = 1.5\ntop_k = 3\nthink = true\nlayout = 'f32'\nstop = ['x', \"y\\n\"]\nport = 1\n");
  Settings s;
  auto list = s.list();
  const auto result = apply(list, {"port"});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(s.warmth, 1.5);
  EXPECT_EQ(s.top, 3u);
  EXPECT_EQ(s.think, true);
  EXPECT_EQ(s.layout, "f32");
  EXPECT_EQ(s.stop, (std::vector<std::string>{"x", "y\n"}));
  EXPECT_EQ(list.find("layout")->source, Source::kConfig);
}

TEST_F(ConfigFile, mistakes_name_file_line_and_remedy) {
  Settings s;
  auto list = s.list();
  auto refused = [&](const std::string& text) {
    write(text);
    const auto result = apply(list);
    EXPECT_FALSE(result) << text;
    if (result) return std::string();
    EXPECT_EQ(result.error().code, ErrorCode::kConfig);
    return result.error().text();
  };
  EXPECT_EQ(refused("\nwarmht = 1\n"), path_ + ": line 2: there is no option 'warmht'; did you mean warmth?");
  EXPECT_EQ(refused("warmth = 'a'\n"), path_ + ": line 1: warmth takes a number from 0 to 10; it was given 'a'");
  EXPECT_EQ(refused("warmth = [1, 2]\n"), path_ + ": line 1: warmth takes a number from 0 to 10, not a list");
  EXPECT_EQ(refused("once = true\n"), path_ + ": line 1: there is no option 'once'");
  EXPECT_TRUE(refused("[run]\nwarmth = 1\n").starts_with(path_ + ": line 1: 'run' must be a text"));
  EXPECT_TRUE(refused("warmth = \n").starts_with(path_ + ": line 1: "));
}

TEST(OptionsTest, unknown_names_in_a_chat) {
  Settings s;
  auto list = s.list();
  const auto result = list.set("stat", "on", Source::kSession);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().text(), "there is no option 'stat'; did you mean stats?");
}

TEST(OptionsTest, help_shows_every_option_with_its_default) {
  Settings s;
  const auto list = s.list();
  const std::string help = help_text(list, 80);
  EXPECT_NE(help.find("Sampling:\n      --warmth X                how bold (default: 0.8)\n"), std::string::npos) << help;
  EXPECT_NE(help.find("  -k, --top-k N"), std::string::npos);
  EXPECT_NE(help.find("(default: random)"), std::string::npos);
  EXPECT_NE(help.find("\nOther:\n      --[no-]stats              print counts\n"), std::string::npos) << help;
  EXPECT_NE(markdown_table(list).find("| `--layout` | `HEARTH_LAYOUT` | `layout` | one of f16, f32 | f16 | numbers |"),
            std::string::npos);
}

TEST(OptionsTest, wrapping_keeps_words_and_columns) {
  EXPECT_EQ(wrap("aa bb cc", 7, 2), "aa bb\n  cc");
  EXPECT_EQ(wrap("toolongword b", 5, 2), "toolongword\n  b");
  EXPECT_EQ(wrap("", 5, 2), "");
}

}  // namespace
}  // namespace hearth::options
