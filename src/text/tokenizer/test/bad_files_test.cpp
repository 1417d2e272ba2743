// Malformed metadata and files end in an error that names the place, never in a crash.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/file.h"
#include "base/random.h"
#include "runner/shared_data.h"
#include "text/tokenizer/load/files.h"

namespace hearth::text {
namespace {

Metadata small_vocabulary() {
  Metadata meta;
  meta.set("tokenizer.ggml.model", std::string("llama"));
  meta.set("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "<s>", "</s>", "a", "b", "ab"});
  meta.set("tokenizer.ggml.scores", std::vector<double>{0, 0, 0, -1, -2, -3});
  meta.set("tokenizer.ggml.token_type", std::vector<int64_t>{2, 3, 3, 1, 1, 1});
  return meta;
}

template <class Value>
void expect_refused(std::string_view key, Value value, std::string_view named, Metadata meta = small_vocabulary()) {
  meta.set(std::string(key), std::move(value));
  const auto loaded = load_gguf_tokenizer(meta);
  ASSERT_FALSE(loaded) << key;
  EXPECT_NE(loaded.error().text().find(named), std::string::npos) << loaded.error().text();
}

TEST(BadGguf, is_refused_by_key) {
  ASSERT_TRUE(load_gguf_tokenizer(small_vocabulary()));
  expect_refused("tokenizer.ggml.model", std::string("rwkv"), "tokenizer.ggml.model");
  expect_refused("tokenizer.ggml.model", int64_t{1}, "tokenizer.ggml.model");
  expect_refused("tokenizer.ggml.tokens", std::vector<int64_t>{1, 2}, "tokenizer.ggml.tokens");
  expect_refused("tokenizer.ggml.tokens", std::vector<std::string>{}, "tokenizer.ggml.tokens");
  expect_refused("tokenizer.ggml.scores", std::vector<double>{0, 1}, "tokenizer.ggml.scores");
  expect_refused("tokenizer.ggml.scores", std::vector<double>{0, 0, 0, std::nan(""), 0, 0}, "tokenizer.ggml.scores");
  expect_refused("tokenizer.ggml.scores", std::vector<double>{0, 0, 0, HUGE_VAL, 0, 0}, "tokenizer.ggml.scores");
  expect_refused("tokenizer.ggml.scores", std::string("none"), "tokenizer.ggml.scores");
  expect_refused("tokenizer.ggml.token_type", std::vector<int64_t>{2, 3}, "tokenizer.ggml.token_type");
  expect_refused("tokenizer.ggml.token_type", std::vector<int64_t>{2, 3, 3, 1, 1, 77}, "tokenizer.ggml.token_type");
  for (const int64_t id : {int64_t{6}, int64_t{-2}, int64_t{1} << 40})
    expect_refused("tokenizer.ggml.bos_token_id", id, "tokenizer.ggml.bos_token_id");
  expect_refused("tokenizer.ggml.eot_token_id", std::string("</s>"), "tokenizer.ggml.eot_token_id");
}

TEST(BadGguf, merges_are_checked) {
  Metadata meta = small_vocabulary();
  meta.set("tokenizer.ggml.model", std::string("gpt2"));
  meta.set("tokenizer.ggml.pre", std::string("gpt-2"));
  meta.set("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  ASSERT_TRUE(load_gguf_tokenizer(meta));
  for (const char* merge : {"ab", "a ", "a c", "b a", "", "x y"})
    expect_refused("tokenizer.ggml.merges", std::vector<std::string>{merge}, "tokenizer.ggml.merges", meta);
  expect_refused("tokenizer.ggml.merges", std::vector<std::string>{}, "tokenizer.ggml.merges", meta);
  expect_refused("tokenizer.ggml.pre", std::string("unheard-of"), "unheard-of", meta);
}

TEST(BadGguf, t5_and_bert_need_their_keys) {
  Metadata t5 = small_vocabulary();
  t5.set("tokenizer.ggml.model", std::string("t5"));
  ASSERT_TRUE(load_gguf_tokenizer(t5));
  for (const auto& bytes : {std::vector<int64_t>{1}, std::vector<int64_t>{255, 255, 255, 255, 0},
                            std::vector<int64_t>{4, 0, 0, 0, 1, 2, 3, 4, 'x'}})
    expect_refused("tokenizer.ggml.precompiled_charsmap", bytes, "precompiled_charsmap", t5);
  expect_refused("tokenizer.ggml.model", std::string("bert"), "tokenizer.ggml.unknown_token_id");
}

TEST(BadGguf, a_hostile_character_map_reads_nothing_outside) {
  Random random(9);
  for (int i = 0; i < 300; ++i) {
    Metadata meta = small_vocabulary();
    meta.set("tokenizer.ggml.model", std::string("t5"));
    std::vector<int64_t> map = {32, 0, 0, 0};
    for (int b = 0; b < 40; ++b) map.push_back(static_cast<int64_t>(random.below(b < 32 ? 256 : 128)));
    map.push_back(0);
    meta.set("tokenizer.ggml.precompiled_charsmap", std::move(map));
    const auto loaded = load_gguf_tokenizer(meta);
    ASSERT_TRUE(loaded) << loaded.error().text();
    (*loaded)->encode("abcdefghijklmnopqrstuvwxyz äöü 日本語 0123456789");
  }
}

TEST(BadGguf, a_token_that_is_no_text_cuts_no_character) {
  for (const char* model : {"llama", "gpt2", "t5"}) {
    Metadata meta = small_vocabulary();
    meta.set("tokenizer.ggml.model", std::string(model));
    meta.set("tokenizer.ggml.pre", std::string("gpt-2"));
    meta.set("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
    meta.set("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "<s>", "</s>", "a", "b", "ab", "\xC3"});
    meta.set("tokenizer.ggml.scores", std::vector<double>{0, 0, 0, -1, -2, -3, -4});
    meta.set("tokenizer.ggml.token_type", std::vector<int64_t>{2, 3, 3, 1, 1, 1, 4});
    const auto loaded = load_gguf_tokenizer(meta);
    ASSERT_TRUE(loaded) << loaded.error().text();
    const auto ids = (*loaded)->encode("é ab ã");
    EXPECT_EQ(std::ranges::find(ids, 6), ids.end()) << model;
  }
}

TEST(BadGguf, a_character_map_gives_whole_characters) {
  Metadata meta = small_vocabulary();
  meta.set("tokenizer.ggml.model", std::string("t5"));
  meta.set("tokenizer.ggml.precompiled_charsmap", std::vector<int64_t>{4, 0, 0, 0, 0, 0, 0, 0, 0xF0, 0});
  const auto loaded = load_gguf_tokenizer(meta);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().text().find("no UTF-8"), std::string::npos) << loaded.error().text();
}

TEST(BadGguf, a_character_map_replaces_little_by_little) {
  Metadata meta = small_vocabulary();
  meta.set("tokenizer.ggml.model", std::string("t5"));
  std::vector<int64_t> map = {4, 0, 0, 0, 0, 0, 0, 0};
  map.resize(map.size() + 257, 'a');
  map.push_back(0);
  meta.set("tokenizer.ggml.precompiled_charsmap", std::move(map));
  const auto loaded = load_gguf_tokenizer(meta);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().text().find("a replacement of precompiled_charsmap has 257 bytes"), std::string::npos) << loaded.error().text();
}

// As llama.cpp has it too: such a token in a template must be found, and one in a user's text must not.
TEST(OddGguf, end_markers_are_control_tokens) {
  for (const int64_t type : {1, 4}) {
    Metadata meta = small_vocabulary();
    meta.set("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "<s>", "</s>", "a", "b", "<|im_end|>"});
    meta.set("tokenizer.ggml.token_type", std::vector<int64_t>{2, 3, 3, 1, 1, type});
    const auto loaded = load_gguf_tokenizer(meta);
    ASSERT_TRUE(loaded) << loaded.error().text();
    EXPECT_EQ((*loaded)->kind(5), TokenKind::kControl);
    const auto& ends = (*loaded)->special().end_of_generation;
    EXPECT_NE(std::ranges::find(ends, 5), ends.end());
    EXPECT_EQ((*loaded)->encode("<|im_end|>", {.parse_special = true}), std::vector<TokenId>{5});
    const auto plain = (*loaded)->encode("<|im_end|>", {.parse_special = false});
    EXPECT_EQ(std::ranges::find(plain, 5), plain.end());
  }
}

// As Hugging Face has it: where nothing stands for unknown characters, what was around them merges.
TEST(OddJson, characters_without_a_token_are_dropped_first) {
  const auto loaded = load_tokenizer_json(R"({"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}})", {});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ((*loaded)->encode("aïb"), std::vector<TokenId>{2});
}

// Bytes reach the model as the byte alphabet spells them, whatever the model.
TEST(OddJson, byte_level_before_words) {
  const auto loaded = load_tokenizer_json(
      R"({"pre_tokenizer":{"type":"ByteLevel"},"model":{"type":"WordLevel","vocab":{"Ġa":0,"<unk>":1},"unk_token":"<unk>"}})", {});
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ((*loaded)->encode("a"), std::vector<TokenId>{0});
}

TEST(BadJson, names_the_section) {
  const auto refused = [](std::string_view text, std::string_view named) {
    const auto loaded = load_tokenizer_json(text, {});
    ASSERT_FALSE(loaded) << text;
    EXPECT_NE(loaded.error().text().find(named), std::string::npos) << loaded.error().text();
  };
  refused("{", "JSON");
  refused("[]", "model");
  refused(R"({"model":{"type":"BPE"}})", "model.vocab");
  refused(R"({"model":{"type":"BPE","vocab":{"a":0}}})", "model.merges");
  refused(R"({"model":{"type":"BPE","vocab":{"a":-1},"merges":[]}})", "id");
  refused(R"({"model":{"type":"BPE","vocab":{"a":99999999999},"merges":[]}})", "id");
  refused(R"({"model":{"type":"BPE","vocab":{"a":"x"},"merges":[]}})", "model.vocab");
  refused(R"({"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}})", "same id");
  refused(R"({"model":{"type":"BPE","vocab":{"a":16777215},"merges":[]}})", "16777215");  // 2 GB of holes
  refused(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a a"]}})", "model.merges");
  refused(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}})", "model.merges");
  refused(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}})", "model.merges");
  refused(R"({"model":{"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"x"}})", "unk_token");
  refused(R"({"model":{"type":"Unigram","vocab":[["a",0]],"unk_id":5}})", "unk_id");
  refused(R"({"model":{"type":"Unigram","vocab":{"a":0}}})", "array");
  refused(R"({"model":{"type":"Unigram","vocab":[["a"]]}})", "model.vocab");
  refused(R"({"model":{"type":"WordPiece","vocab":{"a":0}}})", "unk_token");
  refused(R"({"model":{"type":"Future","vocab":{"a":0}}})", "Future");
  const auto with = [](std::string_view section) {
    return R"({"model":{"type":"WordLevel","vocab":{"a":0}},)" + std::string(section) + "}";
  };
  ASSERT_TRUE(load_tokenizer_json(with(R"("normalizer":null)"), {}));
  refused(with(R"("normalizer":{"type":"Future"})"), "Future");
  refused(with(R"("normalizer":{"type":"Sequence"})"), "normalizers");
  refused(with(R"("normalizer":{"type":"Replace","pattern":{"Regex":"(a"},"content":""})"), "compile");
  refused(with(R"("normalizer":{"type":"Precompiled","precompiled_charsmap":"!!!!"})"), "base64");
  refused(with(R"("pre_tokenizer":{"type":"Split","pattern":"a","behavior":"Isolated"})"), "pattern");
  refused(with(R"("pre_tokenizer":{"type":"Split","pattern":{"String":"a"},"behavior":"Odd"})"), "Odd");
  refused(with(R"("pre_tokenizer":{"type":"Split","pattern":{"String":")" + std::string(70000, 'a') + R"("},"behavior":"Isolated"})"), "compile");
  refused(with(R"("pre_tokenizer":{"type":"CharDelimiterSplit","delimiter":")" + std::string(70000, 'a') + R"("})"), "compile");
  refused(with(R"("pre_tokenizer":{"type":"Metaspace","replacement":""})"), "Metaspace");
  const std::string twenty = R"({"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaaaaaaaaaaaa"})";
  ASSERT_TRUE(load_tokenizer_json(with(R"("normalizer":)" + twenty), {}));
  refused(with(R"("normalizer":{"type":"Sequence","normalizers":[)" + twenty + "," + twenty + "]}"), "Replace");
  refused(with(R"("decoder":{"type":"Future"})"), "Future");
  for (const char* content : {"", "ab"})
    refused(with(R"("decoder":{"type":"Strip","start":9223372036854775807,"content":")" + std::string(content) + R"("})"), "Strip");
  refused(
      with(
          R"("post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{}})"),
      "'x'");
  refused(with(R"("post_processor":{"type":"BertProcessing","cls":["x",9],"sep":["y",0]})"), "cls");
  refused(with(R"("added_tokens":[{"id":-4,"content":"x"}])"), "-4");
  refused(with(R"("added_tokens":{})"), "added_tokens");
}

TEST(BadSentencePiece, is_refused_at_every_cut) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const std::string bytes = read_text_file(testing::shared_data() + "/models/tok512_spm/tok512.model").value();
  ASSERT_TRUE(load_sentencepiece(bytes, {}));
  size_t refused = 0;
  for (size_t cut = 0; cut < bytes.size(); cut += 7) refused += load_sentencepiece(bytes.substr(0, cut), {}) ? 0 : 1;
  EXPECT_GT(refused, bytes.size() / 7 / 2);  // a cut between two fields leaves a smaller, valid model
  Random random(21);
  for (int i = 0; i < 300; ++i) {  // flipped bytes: any answer but a crash
    std::string broken = bytes;
    for (int n = 0; n < 4; ++n) broken[random.below(broken.size())] = static_cast<char>(random.below(256));
    if (const auto loaded = load_sentencepiece(broken, {})) (*loaded)->encode("once upon a time");
  }
}

// A field of a protocol buffer, of up to 127 bytes.
std::string field(int number, std::string_view bytes) {
  return std::string{static_cast<char>(number << 3 | 2), static_cast<char>(bytes.size())}.append(bytes);
}

TEST(OddSentencePiece, many_user_defined_pieces_take_linear_time) {
  std::string bytes = field(1, field(1, "<unk>") + "\x18\x02");
  for (int i = 0; i < 60'000; ++i) bytes += field(1, field(1, "x" + std::to_string(i)) + "\x18\x04");
  const auto tokenizer = load_sentencepiece(bytes, {}).value();
  std::string text;
  while (text.size() < 240'000) text += "x59999x5";
  const auto begin = std::chrono::steady_clock::now();
  const auto ids = tokenizer->encode(text, {.add_special = false});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));  // milliseconds; one by one a minute
  EXPECT_EQ(tokenizer->token_text(ids.at(ids.size() - 2)), "x59999");
  EXPECT_EQ(tokenizer->token_text(ids.back()), "x5");
}

TEST(BadRanks, name_the_line) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const std::string folder = testing::shared_data() + "/tokenizers/pytorch_tokenizers_bad/";
  for (const char* name :
       {"test_tiktoken_invalid_base64.model", "test_tiktoken_invalid_rank.model", "test_tiktoken_no_space.model"}) {
    const auto loaded = load_tiktoken(read_text_file(folder + name).value(), {});
    ASSERT_FALSE(loaded) << name;
    EXPECT_NE(loaded.error().text().find("line 1"), std::string::npos) << loaded.error().text();
  }
  for (const char* name : {"test_bpe_tokenizer.bin", "test_llama2c_tokenizer.bin"})
    EXPECT_FALSE(load_sentencepiece(read_text_file(folder + name).value(), {})) << name;
  EXPECT_FALSE(load_tokenizer_json(read_text_file(folder + "test_hf_tokenizer.json").value(),
                                   {}));  // its merges need absent tokens
}

TEST(BadTekken, is_refused) {
  for (
      const char* text :
      {"{}", R"({"config":{},"vocab":[]})",
       R"({"config":{"pattern":"a","default_num_special_tokens":3,"default_vocab_size":9},"vocab":[]})",
       R"({"config":{"pattern":"a","default_num_special_tokens":3,"default_vocab_size":4},"vocab":[{"rank":0,"token_bytes":"YQ=="}]})"})
    EXPECT_FALSE(load_tekken(text, {})) << text;
}

TEST(BadFolder, says_what_it_looked_for) {
  const auto absent = load_tokenizer_folder("/no/such/folder");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kNotFound);
  const auto empty = load_tokenizer_folder(testing::source_path("cmake"));
  ASSERT_FALSE(empty);
  EXPECT_NE(empty.error().message.find("tokenizer.json"), std::string::npos);
}

}  // namespace
}  // namespace hearth::text
