#include "text/tokenizer/split/gguf_pre.h"

#include <gtest/gtest.h>

#include <set>

namespace hearth::text {
namespace {

struct Collect final : PieceSink {
  void piece(std::string_view text) override { pieces.emplace_back(text); }
  std::vector<std::string> pieces;
};

std::vector<std::string> pieces_of(std::string_view name, std::string_view text) {
  const auto pre = make_pre_tokenizer(**find_gguf_pre(name));
  Collect sink;
  pre->split(text, true, sink);
  return sink.pieces;
}

TEST(GgufPre, every_row_compiles_and_loses_no_byte) {
  const std::string text =
      "Hello, World!  it's 12345 ½ x\r\n\n\t日本語テスト한국어 don'T ДА कखग\u0301 <sentinel:7> 😀 end  ";
  std::set<std::string_view> names;
  for (const GgufPre& row : gguf_pre_tokenizers())
    for (const std::string_view name : row.names) {
      if (name.empty()) continue;
      EXPECT_TRUE(names.insert(name).second) << name << " stands twice";
      const auto pre = make_pre_tokenizer(row);
      ASSERT_TRUE(pre) << name << ": " << pre.error().text();
      std::string joined;
      for (const std::string& piece : pieces_of(name, text)) joined += piece;
      EXPECT_EQ(joined, text) << name;
    }
  EXPECT_GE(names.size(), 80u);
}

TEST(GgufPre, digits_fall_into_threes_from_the_right) {
  EXPECT_EQ(pieces_of("afmoe", "1234567"), (std::vector<std::string>{"1", "234", "567"}));
  EXPECT_EQ(pieces_of("superbpe", "12345 x"), (std::vector<std::string>{"12", "345", " x"}));
  EXPECT_EQ(pieces_of("tiny_aya", "12345 7890a"), (std::vector<std::string>{"12", "345", " ", "789", "0", "a"}));
}

TEST(GgufPre, the_han_intersection_of_kimi_holds) {
  EXPECT_EQ(pieces_of("kimi-k2", "abc中文def"), (std::vector<std::string>{"abc", "中文", "def"}));
  EXPECT_EQ(pieces_of("gpt-4o", "abc中文def"), (std::vector<std::string>{"abc中文def"}));
}

TEST(GgufPre, an_unknown_name_is_unsupported_and_named) {
  const auto found = find_gguf_pre("no-such-model");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(found.error().message.find("no-such-model"), std::string::npos);
}

}  // namespace
}  // namespace hearth::text
