// Real vocabularies with the ids their own tokenizers give.
#include <gtest/gtest.h>

#include <filesystem>

#include "runner/shared_data.h"
#include "text/tokenizer/test/gguf_vocab.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {
namespace {

std::vector<std::string> split_text(std::string_view text, std::string_view separator) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + separator.size();
  }
  return parts;
}

std::vector<TokenId> parse_ids(const std::string& line) {
  std::vector<TokenId> ids;
  for (const std::string& word : split_text(line, " "))
    if (!word.empty()) ids.push_back(std::stoi(word));
  return ids;
}

TEST(GgufVocab, gives_the_expected_ids) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  size_t vocabularies = 0, cases = 0;
  for (const auto& file : std::filesystem::directory_iterator(testing::shared_data() + "/tokenizers/gguf_vocab")) {
    if (file.path().extension() != ".gguf") continue;
    const auto tokenizer = load_gguf_tokenizer(testing::GgufVocab::read(file.path().string()));
    ASSERT_TRUE(tokenizer) << file.path() << ": " << tokenizer.error().text();
    const auto texts = split_text(read_text_file(file.path().string() + ".inp").value(), "\n__ggml_vocab_test__\n");
    const auto expected = split_text(read_text_file(file.path().string() + ".out").value(), "\n");
    ASSERT_LE(texts.size(), expected.size());
    ++vocabularies;
    for (size_t i = 0; i < texts.size(); ++i, ++cases) {
      EXPECT_EQ((*tokenizer)->encode(texts[i], {.add_special = false}), parse_ids(expected[i]))
          << file.path().filename() << " case " << i << ": " << texts[i] << "\nas " << (*tokenizer)->summary();
    }
  }
  EXPECT_GE(vocabularies, 10u);
  testing::count_cases("tokenizer vectors", cases);
}

}  // namespace
}  // namespace hearth::text
