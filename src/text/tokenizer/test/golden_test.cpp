// Every kind of vocabulary and step against the reference implementations (tools/golden/tokenizer.py).
#include <fmt/core.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "runner/shared_data.h"
#include "text/tokenizer/load/files.h"

namespace hearth::text {
namespace {

Json read_golden(const std::string& name) {
  const auto text = read_text_file(testing::source_path("tests/golden/tokenizer/" + name));
  EXPECT_TRUE(text) << name;
  auto json = Json::parse(text.value_or("{}"));
  EXPECT_TRUE(json) << name;
  return json.value_or(Json());
}

// FNV-1a over little-endian 32-bit ids, as the script writes them.
std::string hash_ids(std::span<const TokenId> ids) {
  uint64_t h = 0xCBF29CE484222325;
  for (const TokenId id : ids)
    for (int shift = 0; shift < 32; shift += 8) h = (h ^ (static_cast<uint32_t>(id) >> shift & 0xFF)) * 0x100000001B3;
  return fmt::format("{:016x}", h);
}

size_t expect_hashes(const Tokenizer& tokenizer, const Json& texts, const Json& hashes, const EncodeOptions& options,
                     const std::string& name) {
  for (size_t i = 0; i < hashes.as_array().size(); ++i) {
    const std::string& text = texts.as_array()[i].as_string();
    EXPECT_EQ(hash_ids(tokenizer.encode(text, options)), hashes.as_array()[i].as_string())
        << name << ", text " << i << ": " << text;
  }
  return hashes.as_array().size();
}

TEST(TokenizerGolden, every_step_of_tokenizer_json) {
  const Json golden = read_golden("pipelines.json");
  size_t count = 0;
  for (const Json& c : golden.find("cases")->as_array()) {
    const std::string name = c.text_or("name", "");
    const auto tokenizer = load_tokenizer_json(c.find("tokenizer")->dump(), {});
    ASSERT_TRUE(tokenizer) << name << ": " << tokenizer.error().text();
    const Json& texts = c.has("texts") ? *c.find("texts") : *golden.find("texts");
    count += expect_hashes(**tokenizer, texts, *c.find("hashes"), {.parse_special = true}, name);
    const auto& decoded = c.find("decoded")->as_array();
    for (size_t i = 0; i < decoded.size(); ++i)
      EXPECT_EQ((*tokenizer)->decode((*tokenizer)->encode(texts.as_array()[i].as_string(), {.parse_special = true})),
                decoded[i].as_string())
          << name << ", text " << i;
  }
  EXPECT_GE(count, 2500u);
  testing::count_cases("tokenizer.json vectors", count);
}

TEST(TokenizerGolden, real_vocabularies) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const Json golden = read_golden("real_vocabularies.json");
  size_t count = 0;
  for (const Json& c : golden.find("vocabularies")->as_array()) {
    const std::string path = testing::shared_data() + "/" + c.text_or("path", ""), kind = c.text_or("kind", "");
    const auto bytes = read_text_file(path);
    ASSERT_TRUE(bytes) << path;
    const auto load = kind == "tokenizer.json" ? [](std::string_view b) { return load_tokenizer_json(b, {}); }
                      : kind == "tiktoken"     ? [](std::string_view b) { return load_tiktoken(b, {}); }
                                               : [](std::string_view b) { return load_sentencepiece(b, {}); };
    const auto tokenizer = load(*bytes);
    ASSERT_TRUE(tokenizer) << path << ": " << tokenizer.error().text();
    const bool special = c.boolean_or("special", false);
    count += expect_hashes(**tokenizer, *golden.find("texts"), *c.find("hashes"),
                           {.add_special = special, .parse_special = special}, path);
  }
  testing::count_cases("tokenizer.json vectors", count);
}

}  // namespace
}  // namespace hearth::text
