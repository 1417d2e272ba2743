// OpenAI's vocabularies with the expectations of two independent test suites.
#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "runner/shared_data.h"
#include "text/tokenizer/load/files.h"

namespace hearth::text {
namespace {

std::shared_ptr<const Tokenizer> load_ranks(const std::string& name) {
  const auto bytes = read_text_file(testing::shared_data() + "/tokenizers/openai_tiktoken/" + name + ".tiktoken");
  auto loaded = load_tiktoken(bytes.value(), {});
  EXPECT_TRUE(loaded) << name;
  return loaded.value_or(nullptr);
}

std::vector<TokenId> parse_ids(const std::string& list) {
  const auto json = Json::parse(list);
  std::vector<TokenId> ids;
  for (const Json& id : json.value().as_array()) ids.push_back(static_cast<TokenId>(id.as_integer()));
  return ids;
}

// Blocks of "EncodingName: x", "Sample: text (perhaps of several lines)", "Encoded: [ids]".
TEST(Tiktoken, test_plans) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const std::string plans =
      read_text_file(testing::shared_data() + "/tokenizers/openai_tiktoken/TestPlans.txt").value();
  std::map<std::string, std::shared_ptr<const Tokenizer>> loaded;
  size_t count = 0;
  for (size_t at = plans.find("EncodingName: "); at != std::string::npos;) {
    const size_t name_at = at + 14, sample_at = plans.find("\nSample: ", at),
                 ids_at = plans.find("\nEncoded: ", sample_at);
    const size_t end = std::min(plans.find('\n', ids_at + 1), plans.size());
    const std::string name = plans.substr(name_at, sample_at - name_at),
                      sample = plans.substr(sample_at + 9, ids_at - sample_at - 9);
    // p50k_edit has the ranks of p50k_base.
    auto& tokenizer = loaded[name];
    if (!tokenizer) tokenizer = load_ranks(name == "p50k_edit" ? "p50k_base" : name);
    EXPECT_EQ(tokenizer->encode(sample, {.parse_special = true}),
              parse_ids(plans.substr(ids_at + 10, end - ids_at - 10)))
        << name << ": " << sample;
    ++count;
    at = plans.find("EncodingName: ", end);
  }
  EXPECT_GE(count, 100u);
  testing::count_cases("tiktoken expectations", count);
}

TEST(Tiktoken, a_rust_source_file) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const std::string folder = testing::shared_data() + "/tokenizers/tiktoken_expect/";
  const std::string text = read_text_file(folder + "lib.rs.txt").value();
  static constexpr const char* kFiles[][2] = {
      {"tokens.json", "cl100k_base"},         {"tokens_gpt4o.json", "o200k_base"},
      {"tokens_gpt2.json", "r50k_base"},      {"tokens_r50k_base.json", "r50k_base"},
      {"tokens_p50k_base.json", "p50k_base"}, {"tokens_p50k_edit.json", "p50k_base"}};
  for (const auto& [file, name] : kFiles) {
    const auto tokenizer = load_ranks(name);
    const auto ids = tokenizer->encode(text);
    EXPECT_EQ(ids, parse_ids(read_text_file(folder + file).value())) << file;
    EXPECT_EQ(tokenizer->decode(ids), text) << file;
  }
  testing::count_cases("tiktoken expectations", std::size(kFiles));
}

}  // namespace
}  // namespace hearth::text
