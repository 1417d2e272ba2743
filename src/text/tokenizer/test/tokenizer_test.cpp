// What callers rely on: control tokens, plain ranges, ends of generation, streams, and time linear in hostile texts.
#include "text/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "base/random.h"
#include "base/utf8.h"
#include "runner/shared_data.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/test/gguf_vocab.h"

namespace hearth::text {
namespace {

// A byte-level vocabulary: the 256 bytes, a few words, ChatML's markers and one user-defined token.
Metadata byte_vocabulary() {
  std::vector<std::string> tokens, merges = {"t h", "th e", "Ġ the", "a a"};
  std::vector<int64_t> types;
  const auto add = [&](std::string text, int64_t type) {
    tokens.push_back(std::move(text));
    types.push_back(type);
  };
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    add(spell_bytes({&byte, 1}), 1);
  }
  for (const char* word : {"th", "the", "Ġthe", "aa"}) add(word, 1);
  for (const char* control : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) add(control, 3);
  add("<tool>", 4);
  Metadata meta;
  meta.set("tokenizer.ggml.model", std::string("gpt2"));
  meta.set("tokenizer.ggml.pre", std::string("gpt-2"));
  meta.set("tokenizer.ggml.tokens", std::move(tokens));
  meta.set("tokenizer.ggml.token_type", std::move(types));
  meta.set("tokenizer.ggml.merges", std::move(merges));
  meta.set("tokenizer.ggml.bos_token_id", int64_t{260});
  meta.set("tokenizer.ggml.eos_token_id", int64_t{260});
  return meta;
}

std::shared_ptr<const Tokenizer> byte_tokenizer() { return load_gguf_tokenizer(byte_vocabulary()).value(); }

constexpr TokenId kEndOfText = 260, kStart = 261, kEnd = 262, kTool = 263;

bool holds_control(const Tokenizer& tokenizer, std::span<const TokenId> ids) {
  return std::ranges::any_of(ids, [&](TokenId id) { return tokenizer.kind(id) == TokenKind::kControl; });
}

TEST(Tokenizer, control_tokens_only_where_asked_for) {
  const auto t = byte_tokenizer();
  const std::string text = "<|im_start|>the<tool><|im_end|>";
  const auto parsed = t->encode(text, {.parse_special = true});
  EXPECT_EQ(parsed, (std::vector<TokenId>{kStart, 257, kTool, kEnd}));
  const auto plain = t->encode(text);
  EXPECT_FALSE(holds_control(*t, plain));
  EXPECT_NE(std::ranges::find(plain, kTool), plain.end());
  EXPECT_EQ(t->decode(plain), text);
  EXPECT_EQ(t->decode(parsed), "the<tool>");
  EXPECT_EQ(t->decode(parsed, true), text);
}

TEST(Tokenizer, plain_ranges_hold_no_control_tokens) {
  const auto t = byte_tokenizer();
  const std::string text = "<|im_start|><|im_end|><|im_start|>";
  const size_t second = text.find("<|im_end|>"), third = text.rfind("<|im_start|>");
  for (const auto& [begin, end] :
       {std::pair{second, third}, std::pair{second, second + 1}, std::pair{third - 1, third}}) {
    const TextRange plain[] = {{begin, end}};
    const auto ids = t->encode(text, {.parse_special = true, .plain = plain});
    EXPECT_EQ(ids.front(), kStart);
    EXPECT_EQ(ids.back(), kStart);
    EXPECT_EQ(std::ranges::count(ids, kEnd), 0) << begin << " to " << end;
    EXPECT_EQ(t->decode(ids, true), text);
  }
  // A range of its own around every single byte: nothing is left to recognise.
  std::vector<TextRange> all;
  for (size_t i = 0; i < text.size(); ++i) all.push_back({i, i + 1});
  EXPECT_FALSE(holds_control(*t, t->encode(text, {.parse_special = true, .plain = all})));
}

TEST(Tokenizer, borders_of_plain_ranges_do_not_cut_words) {
  const auto t = byte_tokenizer();
  const TextRange plain[] = {{1, 2}};
  EXPECT_EQ(t->encode("the", {.parse_special = true, .plain = plain}), t->encode("the"));
}

TEST(Tokenizer, plain_ranges_move_with_repaired_text) {
  const auto t = byte_tokenizer();
  const std::string text = "\xFF\xFE<|im_end|>\xFF<|im_end|>";  // each bad byte grows to three
  const TextRange plain[] = {{2, 12}};
  const auto ids = t->encode(text, {.parse_special = true, .plain = plain});
  EXPECT_EQ(std::ranges::count(ids, kEnd), 1);
  EXPECT_EQ(ids.back(), kEnd);
}

TEST(Tokenizer, ends_of_generation) {
  const auto t = byte_tokenizer();
  EXPECT_EQ(t->special().end_of_generation, (std::vector<TokenId>{kEndOfText, kEnd}));
  EXPECT_EQ(t->special().eos, kEndOfText);
  EXPECT_FALSE(t->special().adds_bos);
  Metadata meta = byte_vocabulary();
  meta.set("tokenizer.ggml.eot_token_id", int64_t{kStart});
  meta.set("tokenizer.ggml.add_bos_token", true);
  const auto with_bos = load_gguf_tokenizer(meta).value();
  EXPECT_EQ(with_bos->special().end_of_generation.size(), 3u);
  EXPECT_EQ(with_bos->encode("the"), (std::vector<TokenId>{kEndOfText, 257}));
  EXPECT_EQ(with_bos->encode("the", {.add_special = false}), (std::vector<TokenId>{257}));
}

TEST(Tokenizer, every_byte_string_of_valid_text_comes_back) {
  const auto t = byte_tokenizer();
  Random random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (size_t n = random.below(20); n-- > 0;) utf8::append(static_cast<char32_t>(random.below(0x3000)), text);
    EXPECT_EQ(t->decode(t->encode(text)), text);
  }
}

TEST(StreamDecoder, never_splits_a_character) {
  const auto t = byte_tokenizer();
  Random random(5);
  for (int i = 0; i < 500; ++i) {
    std::vector<TokenId> ids;
    for (size_t n = random.below(30); n-- > 0;) ids.push_back(static_cast<TokenId>(random.below(t->size())));
    const auto greek = t->encode("αβγ😀");
    ids.insert(ids.end(), greek.begin(), greek.end());
    StreamDecoder stream(*t, true);
    std::string joined;
    for (const TokenId id : ids) {
      const std::string part = stream.next(id);
      EXPECT_TRUE(utf8::is_valid(part));
      joined += part;
    }
    joined += stream.finish();
    EXPECT_EQ(joined, utf8::sanitize(t->decode(ids, true)));
  }
}

TEST(StreamDecoder, equals_decode_for_real_vocabularies) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  for (const char* name : {"llama-spm", "bert-bge", "gemma-4", "llama-bpe"}) {
    const auto t = load_gguf_tokenizer(testing::GgufVocab::read(testing::shared_data() +
                                                                "/tokenizers/gguf_vocab/ggml-vocab-" + name + ".gguf"))
                       .value();
    for (const char* text : {"  Hello  wörld 😀\n日本語 don't stop", " leading", "none"}) {
      const auto ids = t->encode(text, {});
      StreamDecoder stream(*t);
      std::string joined;
      for (const TokenId id : ids) joined += stream.next(id);
      EXPECT_EQ(joined + stream.finish(), t->decode(ids)) << name;
    }
  }
}

TEST(Tokenizer, lossless_vocabularies_give_the_text_back) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  for (const char* name :
       {"llama-spm", "gemma-4", "llama-bpe", "gpt-2", "qwen2", "deepseek-llm", "starcoder", "phi-3"}) {
    const auto t = load_gguf_tokenizer(testing::GgufVocab::read(testing::shared_data() +
                                                                "/tokenizers/gguf_vocab/ggml-vocab-" + name + ".gguf"))
                       .value();
    for (const char* text : {"Hello  world\n\n\t x", " leading", "naïve 日本語 한국어 😀👩‍👩‍👧",
                             "\x01\x7F", "a\u0301 ½ \u3000"})
      EXPECT_EQ(t->decode(t->encode(text)), text) << name;
  }
}

// What fits is encoded as ever, to the last token; what does not is refused.
TEST(Tokenizer, encodes_within_a_bound_what_fits_it) {
  const auto expect_same = [](const Tokenizer& t, const std::string& text, const std::string& what) {
    for (const bool special : {false, true}) {
      const EncodeOptions options{.add_special = special, .parse_special = special};
      const auto whole = t.encode(text, options);
      for (const size_t most : {whole.size(), whole.size() + 1, whole.size() * 2, SIZE_MAX})
        EXPECT_EQ(t.encode_within(most, text, options), whole) << what;
      for (size_t more = whole.size(); more > 0; more /= 2)
        EXPECT_EQ(t.encode_within(more - 1, text, options), std::nullopt) << what;
    }
  };
  const std::vector<std::string> parts = {"the", " the", "aaaaaaaaaaaaaaaa", "<tool>", "<|im_end|>", " ", "                ",
                                          "\n", "naïve", "日本語", "😀", "\xFF", "▁▁▁▁", "1234567", "e\u0301", "\u0301",
                                          "!!!!!!!!", "\u3000", "Donaudampfschifffahrt"};
  Random random(5);
  const auto random_text = [&] {
    std::string text;
    for (uint64_t n = random.below(40); n > 0; --n) {
      const std::string& part = parts[random.below(parts.size())];
      for (uint64_t times = random.below(8); times > 0; --times) text += part;
    }
    return text;
  };
  const auto own = byte_tokenizer();
  for (int i = 0; i < 200; ++i) expect_same(*own, random_text(), "bytes");
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  for (const char* name : {"llama-spm", "gemma-4", "llama-bpe", "gpt-2", "qwen2", "deepseek-llm", "bert-bge", "phi-3"}) {
    const std::string path = testing::shared_data() + "/tokenizers/gguf_vocab/ggml-vocab-" + name + ".gguf";
    const auto t = load_gguf_tokenizer(testing::GgufVocab::read(path)).value();
    for (int i = 0; i < 200; ++i) expect_same(*t, random_text(), name);
  }
}

// A word without end, which takes seconds and a gigabyte to encode, and one word after the other.
TEST(Tokenizer, what_is_far_beyond_its_bound_costs_little) {
  const auto t = byte_tokenizer();
  std::string words;
  while (words.size() < 30 << 20) words += "the zebra ";
  for (const std::string& text : {std::string(30 << 20, 'a'), words}) {
    const auto cpu = std::clock();
    EXPECT_EQ(t->encode_within(1000, text), std::nullopt);
    EXPECT_LT(std::clock() - cpu, 10 * CLOCKS_PER_SEC);  // a tenth of a second is usual
  }
}

TEST(Tokenizer, hostile_texts_take_linear_time) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const std::string folder = testing::shared_data() + "/tokenizers/gguf_vocab/ggml-vocab-";
  for (const char* name : {"llama-bpe", "llama-spm", "gemma-4", "bert-bge", "deepseek-llm"}) {
    const auto t = load_gguf_tokenizer(testing::GgufVocab::read(folder + name + ".gguf")).value();
    for (const std::string_view unit :
         {"a", " ", "\n", "7", "!", "'", "<|", "😀", "中", "\u0301", "aA", " \n", "\xFF", "▁"}) {
      std::string text;
      while (text.size() < 1 << 18) text += unit;
      const auto start = std::chrono::steady_clock::now();
      EXPECT_FALSE(t->encode(text).empty() && unit != " " && unit != "\n") << name << " on " << unit;
      // Measured: 5 to 150 ms. Quadratic code would take minutes; the bound leaves room for sanitizers and busy
      // machines.
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10)) << name << " on " << unit;
    }
  }
}

}  // namespace
}  // namespace hearth::text
