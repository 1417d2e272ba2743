// Whole folders: which file is read, and what the small files beside it add.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/test_folder.h"
#include "runner/shared_data.h"
#include "text/tokenizer/test/gguf_vocab.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {
namespace {

constexpr const char* kTexts[] = {"Hello, World!", "  it's 12345 years\n\n ago", "naïve 日本語 😀 <|im_start|>",
                                  "for (;;) {\r\n\t}", "ABC'S e\u0301"};

std::shared_ptr<const Tokenizer> load_shared(const std::string& name) {
  auto loaded = load_tokenizer_folder(testing::shared_data() + "/tokenizers/" + name);
  EXPECT_TRUE(loaded) << loaded.error().text();
  return loaded.value_or(nullptr);
}

std::shared_ptr<const Tokenizer> load_vocab(const std::string& path) {
  auto loaded = load_gguf_tokenizer(testing::GgufVocab::read(testing::shared_data() + "/tokenizers/" + path));
  EXPECT_TRUE(loaded) << loaded.error().text();
  return loaded.value_or(nullptr);
}

class TokenizerFolder : public ::testing::Test {
 protected:
  void write(const std::string& name, std::string_view content) { folder_.write(name, content); }
  const hearth::testing::TestFolder folder_;
};

constexpr std::string_view kSmallJson = R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]},
  "added_tokens":[{"id":3,"content":"<s>","special":true},{"id":4,"content":"</s>","special":true},{"id":5,"content":"<|im_end|>","special":true}]})";

TEST_F(TokenizerFolder, small_files_complete_tokenizer_json) {
  write("tokenizer.json", kSmallJson);
  write("tokenizer_config.json", R"({"bos_token":{"content":"<s>"},"eos_token":"</s>","add_bos_token":true})");
  write("generation_config.json", R"({"eos_token_id":[4,0]})");
  const auto t = load_tokenizer_folder(folder_.path()).value();
  EXPECT_EQ(t->encode("ab"), (std::vector<TokenId>{3, 2}));
  EXPECT_EQ(t->special().bos, 3);
  EXPECT_EQ(t->special().eos, 4);
  EXPECT_TRUE(t->special().adds_bos);
  EXPECT_FALSE(t->special().adds_eos);
  EXPECT_EQ(t->special().end_of_generation, (std::vector<TokenId>{0, 4, 5}));
}

// As transformers has it: what any of the files calls special steers the model, and users cannot write it.
TEST_F(TokenizerFolder, special_tokens_of_the_small_files_are_control_tokens) {
  write("tokenizer.json", R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"<stop>":3,"!":4},"merges":[]},
    "added_tokens":[{"id":2,"content":"<|im_end|>","special":false},{"id":5,"content":"<|turn|>","special":false},
                    {"id":6,"content":"<tool>","special":false}]})");
  write("tokenizer_config.json", R"({"eos_token":"<stop>","pad_token":"!","added_tokens_decoder":{
    "5":{"content":"<|turn|>","special":true},"6":{"content":"<old>","special":true},"7":{"content":"<|more|>","special":true}}})");
  write("added_tokens.json", R"({"<tool>":6})");
  const auto t = load_tokenizer_folder(folder_.path()).value();
  for (const char* text : {"<|im_end|>", "<stop>", "<|turn|>", "<|more|>"}) {
    const TokenId id = t->find(text).value();
    EXPECT_EQ(t->kind(id), TokenKind::kControl) << text;
    EXPECT_EQ(t->encode("a" + std::string(text) + "b", {.parse_special = true}), (std::vector<TokenId>{0, id, 1}));
    const auto plain = t->encode("a" + std::string(text) + "b");
    EXPECT_EQ(std::ranges::count(plain, id), 0) << text;
  }
  EXPECT_EQ(t->kind(6), TokenKind::kUserDefined);  // added_tokens.json knows no flags
  EXPECT_EQ(t->encode("a!<tool>"), (std::vector<TokenId>{0, 4, 6}));
  EXPECT_FALSE(t->find("<old>"));  // another token has its id
}

TEST_F(TokenizerFolder, additional_special_tokens_are_control_tokens) {
  write("tokenizer.json", R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"<one>":2,"<two>":3,"<three>":4,"<four>":5,"!":6,"<plain>":7},
    "merges":[]},"added_tokens":[{"id":8,"content":"<five>","special":false}]})");
  const auto expect_control = [&](const auto&... texts) {
    const auto t = load_tokenizer_folder(folder_.path()).value();
    for (const std::string text : {texts...}) {
      const TokenId id = t->find(text).value();
      EXPECT_EQ(t->kind(id), TokenKind::kControl) << text;
      EXPECT_EQ(t->encode("a" + text + "b", {.parse_special = true}), (std::vector<TokenId>{0, id, 1})) << text;
      EXPECT_EQ(std::ranges::count(t->encode("a" + text + "b"), id), 0) << text;
      EXPECT_EQ(t->decode(std::vector<TokenId>{0, id, 1}), "ab") << text;
    }
    EXPECT_EQ(t->kind(*t->find("<plain>")), TokenKind::kNormal);
    EXPECT_EQ(t->encode("a!"), (std::vector<TokenId>{0, 6}));
    EXPECT_FALSE(t->find("<absent>"));
    EXPECT_EQ(t->size(), 9u);
  };
  // Lists of texts and of objects, in either file; a token of one character is not special, nor does a name make a token.
  write("special_tokens_map.json", R"({"additional_special_tokens":[{"content":"<one>","lstrip":false},"<absent>"]})");
  write("tokenizer_config.json", R"({"additional_special_tokens":["<two>","!",{"content":"<five>"},7,null]})");
  expect_control("<one>", "<two>", "<five>");
  // The newer name: a list, or an object.
  write("special_tokens_map.json", R"({"extra_special_tokens":["<three>"]})");
  write("tokenizer_config.json", R"({"extra_special_tokens":{"image_token":"<four>","audio_token":{"content":"<five>"},"none":null}})");
  expect_control("<three>", "<four>", "<five>");
  write("tokenizer_config.json", R"({"additional_special_tokens":null,"extra_special_tokens":"<four>"})");
  expect_control("<three>");
}

TEST_F(TokenizerFolder, an_absent_special_token_is_told_of) {
  write("tokenizer.json", kSmallJson);
  const auto told = [&](std::string_view config) {
    write("tokenizer_config.json", config);
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(load_tokenizer_folder(folder_.path()));
    return ::testing::internal::GetCapturedStderr();
  };
  EXPECT_EQ(told(R"({"additional_special_tokens":["<s>","ab"]})"), "");
  const std::string sentence = "warning: special tokens that the vocabulary lacks are read as any other text: '<x>'";
  EXPECT_EQ(told(R"({"additional_special_tokens":["<x>"]})"), sentence + "\n");
  EXPECT_EQ(told(R"({"extra_special_tokens":["<z>","<x>","<y>"]})"), sentence + " and 2 more\n");
}

TEST_F(TokenizerFolder, a_malformed_small_file_is_named) {
  write("tokenizer.json", kSmallJson);
  write("generation_config.json", "{");
  const auto loaded = load_tokenizer_folder(folder_.path());
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().text().find("generation_config.json"), std::string::npos);
}

TEST_F(TokenizerFolder, tekken_numbers_its_ranks_behind_the_special_tokens) {
  std::string vocab;
  for (int b = 0; b < 256; ++b) {
    static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    vocab += std::string(b == 0 ? "" : ",") + "{\"rank\":" + std::to_string(b) + ",\"token_bytes\":\"" +
             kDigits[b >> 2] + kDigits[(b & 3) << 4] + "==\"}";
  }
  vocab += R"(,{"rank":256,"token_bytes":"YWI="},{"rank":257,"token_bytes":"bm90IHJlYWQ="})";  // "ab", and one beyond
                                                                                               // the size
  write(
      "tekken.json",
      R"({"config":{"pattern":"\\p{L}+|[^\\p{L}]","default_num_special_tokens":4,"default_vocab_size":261},"vocab":[)" +
          vocab + R"(],"special_tokens":[{"rank":3,"token_str":"[INST]","is_control":true}]})");
  const auto t = load_tokenizer_folder(folder_.path()).value();
  EXPECT_EQ(t->size(), 261u);
  EXPECT_EQ(t->encode("ab[INST]", {.parse_special = true}), (std::vector<TokenId>{1, 260, 3}));
  EXPECT_EQ(t->decode(t->encode("é ab\n")), "é ab\n");
  EXPECT_EQ(t->special().eos, 2);
}

TEST_F(TokenizerFolder, sentencepiece_with_added_tokens) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  std::filesystem::copy(testing::shared_data() + "/models/llama2c_tokenizer/tokenizer.model",
                        folder_.path("tokenizer.model"));
  write("added_tokens.json", R"({"<|im_start|>":32000,"<|im_end|>":32001})");
  const auto t = load_tokenizer_folder(folder_.path()).value();
  EXPECT_EQ(t->size(), 32002u);
  EXPECT_EQ(t->encode("<|im_end|>", {.parse_special = true}), (std::vector<TokenId>{1, 32001}));
  EXPECT_EQ(t->special().end_of_generation, (std::vector<TokenId>{2, 32001}));
  const auto gguf = load_vocab("gguf_vocab/ggml-vocab-llama-spm.gguf");
  for (const char* text : kTexts) EXPECT_EQ(t->encode(text), gguf->encode(text)) << text;
}

TEST(RealFolders, vocab_and_merges_agree_with_gguf) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const auto folder = load_shared("qwen3"), gguf = load_vocab("gguf_vocab/ggml-vocab-qwen2.gguf");
  for (const char* text : kTexts) {
    if (std::string_view(text).find("\u0301") != std::string_view::npos)
      continue;  // GGUF has no key for the NFC of Qwen's own files
    EXPECT_EQ(folder->encode(text, {.parse_special = true}), gguf->encode(text, {.parse_special = true})) << text;
  }
  EXPECT_EQ(folder->kind(*folder->find("<|im_end|>")), TokenKind::kControl);
  EXPECT_EQ(folder->encode("e\u0301"), folder->encode("\u00E9"));
}

TEST(RealFolders, begin_and_end_as_their_files_say) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const auto mistral = load_shared("tinygpt_hf/Mistral-7B-v0.3");
  EXPECT_TRUE(mistral->special().adds_bos);
  EXPECT_EQ(mistral->encode("Hi").front(), mistral->special().bos);
  const auto granite = load_shared("granite3.1");
  EXPECT_FALSE(granite->special().adds_bos);
  EXPECT_EQ(granite->token_text(*granite->special().eos), "<|end_of_text|>");
  const auto phi3 = load_shared("ort_extensions/phi-3");
  const auto ends = phi3->special().end_of_generation;
  EXPECT_NE(std::ranges::find(ends, *phi3->find("<|end|>")), ends.end());
}

TEST(SmallGgufs, every_pre_tokenizer_loads_and_gives_texts_back) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(testing::shared_data() + "/tokenizers/gridcore_vocab")) {
    if (file.path().extension() != ".gguf") continue;
    const auto t = load_vocab("gridcore_vocab/" + file.path().filename().string());
    for (const char* text : kTexts) EXPECT_EQ(t->decode(t->encode(text)), text) << file.path();
    ++count;
  }
  EXPECT_EQ(count, 7u);
}

TEST(SmallGgufs, zero_scores_mean_merges) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const auto zero = load_vocab("gridcore_vocab/vocab-spm-zeroscores.gguf"),
             scored = load_vocab("gguf_vocab/ggml-vocab-llama-spm.gguf");
  for (const char* text : kTexts) EXPECT_EQ(zero->encode(text), scored->encode(text)) << text;
}

}  // namespace
}  // namespace hearth::text
