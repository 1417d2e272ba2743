// Requests to prompts, options to engine requests, defaults of models, conversations as files.
#include <gtest/gtest.h>

#include <cmath>

#include "base/test_folder.h"
#include "service/chat_service.h"
#include "service/completion_service.h"
#include "service/conversation.h"
#include "service/model_files.h"
#include "service/quality/perplexity.h"
#include "service/test/fakes.h"

namespace hearth::service {
namespace {

using testing::ByteTokenizer;
using testing::bytes_of;
using testing::Recorder;
using testing::ScriptedEngine;

std::shared_ptr<const text::ChatTemplate> parsed(std::string source) {
  auto result = text::parse_chat_template(std::move(source));
  EXPECT_TRUE(result) << result.error().text();
  return *result;
}

ChatRequest asking(const std::string& text) {
  ChatRequest request;
  request.messages.push_back(text::Message::of("user", text));
  return request;
}

constexpr const char* kTemplate = "{% for m in messages %}<|user|>{{ m.content }}{% endfor %}{% if enable_thinking %}<think>\n{% endif %}";

TEST(RenderPromptTest, what_users_write_never_becomes_control_tokens) {
  const ByteTokenizer tokenizer;
  const auto prompt = render_prompt(asking("<|user|></s>"), *parsed(kTemplate), tokenizer);
  ASSERT_TRUE(prompt) << prompt.error().text();
  std::vector<text::TokenId> expected = {ByteTokenizer::kBos, ByteTokenizer::kUser};
  for (const auto id : bytes_of("<|user|></s>")) expected.push_back(id);
  EXPECT_EQ(prompt->tokens, expected);
}

TEST(RenderPromptTest, bos_comes_once_if_the_model_adds_one) {
  ByteTokenizer tokenizer;
  const std::vector<text::TokenId> expected = {ByteTokenizer::kBos, ByteTokenizer::kUser, 'a'};
  EXPECT_EQ(render_prompt(asking("a"), *parsed(kTemplate), tokenizer)->tokens, expected);
  EXPECT_EQ(render_prompt(asking("a"), *parsed(std::string("{{ bos_token }}") + kTemplate), tokenizer)->tokens, expected);
  tokenizer.edit_special().adds_bos = false;
  EXPECT_EQ(render_prompt(asking("a"), *parsed(kTemplate), tokenizer)->tokens, (std::vector<text::TokenId>{ByteTokenizer::kUser, 'a'}));
}

TEST(RenderPromptTest, thinking_is_passed_on_and_noticed) {
  const ByteTokenizer tokenizer;
  auto request = asking("a");
  EXPECT_EQ(render_prompt(request, *parsed(kTemplate), tokenizer)->thinking_is_open, nullptr);
  request.think = true;
  const auto prompt = render_prompt(request, *parsed(kTemplate), tokenizer);
  ASSERT_NE(prompt->thinking_is_open, nullptr);
  EXPECT_EQ(prompt->thinking_is_open->close, "</think>");
}

TEST(RenderPromptTest, the_tokens_of_what_is_too_long_are_counted_up_to_some_contexts) {
  const ByteTokenizer tokenizer;
  for (const auto& [bytes, asked, words] : {std::tuple(9u, 11u, "the prompt has 11 tokens and the context holds 10"),
                                            {38u, 40u, "the prompt has 40 tokens and"},
                                            {1000u, 40u, "the prompt has at least 40 tokens and the context holds 10"}}) {
    const auto refused = render_prompt(asking(std::string(bytes, 'a')), *parsed(kTemplate), tokenizer, 10);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kContextExceeded);
    EXPECT_EQ(refused.error().asked, asked);
    EXPECT_EQ(refused.error().granted, 10u);
    EXPECT_TRUE(refused.error().message.starts_with(words)) << refused.error().message;
  }
  EXPECT_EQ(render_prompt(asking("1234567"), *parsed(kTemplate), tokenizer, 10)->tokens.size(), 9u);
}

TEST(ChatServiceTest, answers_and_keeps_reasoning_apart) {
  const ByteTokenizer tokenizer;
  auto script = bytes_of("hm</think>\nHi!");
  script.push_back(ByteTokenizer::kEos);
  ScriptedEngine engine(script);
  const auto chat_template = parsed(kTemplate);
  ChatService chat(tokenizer, *chat_template, engine);
  Recorder recorder;
  auto request = asking("hello");
  request.think = true;
  request.generation.seed = 5;
  const auto outcome = chat.answer(request, recorder, false);
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->text, "Hi!");
  EXPECT_EQ(outcome->thinking, "hm");
  EXPECT_EQ(outcome->seed, 5u);
  EXPECT_EQ(engine.requests[0].sampling.seed, 5u);
  EXPECT_EQ(engine.requests[0].stop_tokens, std::vector<int32_t>{ByteTokenizer::kEos});
}

TEST(ChatServiceTest, refusals_reach_the_caller) {
  const ByteTokenizer tokenizer;
  ScriptedEngine engine({});
  Recorder recorder;
  const auto refusing = parsed("{{ raise_exception('no system message, please') }}");
  const auto refused = ChatService(tokenizer, *refusing, engine).answer(asking("a"), recorder, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().text().find("no system message, please"), std::string::npos);
  engine.refusal = Error{ErrorCode::kDoesNotFit, "the prompt has 600 tokens; the context holds 512", {}};
  const auto too_long = CompletionService(tokenizer, engine).complete({.prompt = "a", .generation = {}}, recorder, false);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code, ErrorCode::kDoesNotFit);
}

TEST(CompletionServiceTest, a_prompt_to_continue_never_ends_with_eos) {
  ByteTokenizer tokenizer;
  tokenizer.edit_special().adds_eos = true;
  ScriptedEngine engine({'x', ByteTokenizer::kEos});
  Recorder recorder;
  ASSERT_TRUE(CompletionService(tokenizer, engine).complete({.prompt = "a[THINK]", .generation = {}}, recorder, false));
  EXPECT_EQ(engine.requests[0].prompt, (std::vector<int32_t>{ByteTokenizer::kBos, 'a', ByteTokenizer::kThink}));
  ASSERT_TRUE(CompletionService(tokenizer, engine).complete({.prompt = "<s>", .parse_special = false, .generation = {}}, recorder, false));
  EXPECT_EQ(engine.requests[1].prompt, (std::vector<int32_t>{ByteTokenizer::kBos, '<', 's', '>'}));
}

TEST(GenerationOptionsTest, texts_become_tokens) {
  const ByteTokenizer tokenizer;
  GenerationOptions options;
  options::OptionList list;
  visit(list, options);
  for (const auto& [name, value] : std::vector<std::pair<const char*, const char*>>{
           {"samplers", "top_k, temperature"}, {"dry-breaker", "ab"}, {"dry-multiplier", "0.8"}, {"logit-bias", "65=-inf"}, {"logit-bias", "66=1.5"},
           {"max-tokens", "9"}, {"ignore-end", "on"}, {"top-k", "3"}})
    ASSERT_TRUE(list.set(name, value, options::Source::kFlag)) << name;
  const auto request = engine_request(options, tokenizer);
  ASSERT_TRUE(request) << request.error().text();
  EXPECT_EQ(request->sampling.order, (std::vector<std::string>{"top_k", "temperature"}));
  EXPECT_EQ(request->sampling.dry_breakers, (std::vector<std::vector<int32_t>>{{'a', 'b'}}));
  EXPECT_TRUE(request->sampling.dry_breaker_tokens.empty());
  ASSERT_EQ(request->sampling.logit_bias.size(), 2u);
  EXPECT_EQ(request->sampling.logit_bias[0], (std::pair<int32_t, float>(65, -INFINITY)));
  EXPECT_EQ(request->sampling.logit_bias[1], (std::pair<int32_t, float>(66, 1.5f)));
  EXPECT_EQ(request->max_tokens, 9u);
  EXPECT_EQ(request->sampling.top_k, 3u);
  EXPECT_TRUE(request->stop_tokens.empty());
}

// A vocabulary that puts a space before a text, as SentencePiece does, and has tokens of several characters.
class SpacedTokenizer final : public ByteTokenizer {
 public:
  std::vector<text::TokenId> encode(std::string_view text, const text::EncodeOptions& options) const override {
    return ByteTokenizer::encode(" " + std::string(text), options);
  }
  std::string piece(text::TokenId id, bool with_control) const override {
    return id == 'A' ? ".\n" : id == 'B' ? "(*)" : ByteTokenizer::piece(id, with_control);
  }
};

TEST(GenerationOptionsTest, every_token_that_holds_a_breaker_is_one) {
  const SpacedTokenizer tokenizer;
  GenerationOptions options;
  EXPECT_TRUE(engine_request(options, tokenizer)->sampling.dry_breaker_tokens.empty()) << "DRY is off";
  options.sampling.dry_multiplier = 1;
  EXPECT_EQ(engine_request(options, tokenizer)->sampling.dry_breaker_tokens, (std::vector<int32_t>{'\n', '"', '*', ':', 'A', 'B'}));
  options.dry_breakers = {"\n", "xy"};
  const auto request = engine_request(options, tokenizer);
  EXPECT_EQ(request->sampling.dry_breaker_tokens, (std::vector<int32_t>{'\n', 'A'}));
  EXPECT_EQ(request->sampling.dry_breakers, (std::vector<std::vector<int32_t>>{{'x', 'y'}}));
  options.dry_breakers = {"none"};
  EXPECT_TRUE(engine_request(options, tokenizer)->sampling.dry_breaker_tokens.empty());
  options.dry_breakers = {""};
  EXPECT_FALSE(engine_request(options, tokenizer));
}

TEST(GenerationOptionsTest, mistakes_name_the_option) {
  const ByteTokenizer tokenizer;
  for (const char* bias : {"", "65", "65=", "x=1", "65=1x", "65=nan", "-1=1", "261=1", "99999999999=1"}) {
    GenerationOptions options;
    options.logit_bias = {bias};
    const auto request = engine_request(options, tokenizer);
    ASSERT_FALSE(request) << bias;
    EXPECT_TRUE(request.error().text().starts_with("logit-bias ")) << request.error().text();
  }
  GenerationOptions options;
  options.stop = std::vector<std::string>(kMaxStopStrings + 1, "x");
  EXPECT_FALSE(engine_request(options, tokenizer));
  options.stop = {std::string(kMaxStopBytes + 1, 'x')};
  EXPECT_FALSE(engine_request(options, tokenizer));
}

TEST(GenerationOptionsTest, without_a_seed_one_is_drawn) {
  const ByteTokenizer tokenizer;
  const GenerationOptions options;
  EXPECT_NE(engine_request(options, tokenizer)->sampling.seed, engine_request(options, tokenizer)->sampling.seed);
}

TEST(ModelDefaultsTest, from_both_places_and_weaker_than_everything) {
  Metadata meta;
  meta.set("general.sampling.temp", 0.6f);
  meta.set("general.sampling.top_k", int64_t{20});
  meta.set("general.sampling.mirostat", int64_t{2});
  GenerationOptions options;
  options::OptionList list;
  visit(list, options);
  ASSERT_TRUE(list.set("top-k", "7", options::Source::kConfig));
  EXPECT_TRUE(apply_model_defaults(list, metadata_defaults(meta)).empty());
  EXPECT_EQ(options.sampling.temperature, 0.6);
  EXPECT_EQ(options.sampling.top_k, 7u);
  EXPECT_TRUE(options.sampling.mirostat);
  EXPECT_EQ(list.find("temperature")->source, options::Source::kModel);

  const auto config = Json::parse(R"({"temperature": 99, "top_p": 0.9, "repetition_penalty": 1.1, "top_k": "many"})");
  const auto refused = apply_model_defaults(list, generation_config_defaults(*config));
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_NE(refused[0].find("temperature takes a number from 0 to 10"), std::string::npos);
  EXPECT_EQ(options.sampling.top_p, 0.9);
  EXPECT_EQ(options.sampling.repeat_penalty, 1.1);
  EXPECT_EQ(options.sampling.repeat_last_n, -1);
  EXPECT_EQ(options.sampling.top_k, 7u);
}

TEST(ModelDefaultsTest, a_model_that_does_not_sample_is_greedy) {
  const auto config = Json::parse(R"({"do_sample": false, "temperature": 0.7})");
  const auto defaults = generation_config_defaults(*config);
  ASSERT_EQ(defaults.size(), 1u);
  EXPECT_EQ(defaults[0].option, "temperature");
  EXPECT_EQ(defaults[0].text, "0");
}

// As the folder's checkpoint tells it, which is where it comes from for models of Hugging Face.
TEST(ModelDefaultsTest, a_checkpoint_that_does_not_sample_is_greedy) {
  Metadata meta;
  meta.set("general.sampling.temp", 0.7);
  meta.set("general.sampling.typical_p", 0.9);
  meta.set("hearth.sampling.do_sample", false);
  const auto defaults = metadata_defaults(meta);
  ASSERT_EQ(defaults.size(), 2u);
  EXPECT_EQ(defaults[0].option, "typical-p");
  EXPECT_EQ(defaults[1].option, "temperature");
  EXPECT_EQ(defaults[1].text, "0");
}

class FolderTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) { home_.write(name, text); }
  const hearth::testing::TestFolder home_;
  const std::string folder_ = home_.path();
};

TEST_F(FolderTest, chat_templates_in_order_of_preference) {
  EXPECT_EQ(find_folder_template(folder_).value(), "");
  write("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]})");
  EXPECT_EQ(find_folder_template(folder_).value(), "D");
  write("tokenizer_config.json", R"({"chat_template": "C"})");
  EXPECT_EQ(find_folder_template(folder_).value(), "C");
  write("chat_template.json", R"({"chat_template": "J"})");
  EXPECT_EQ(find_folder_template(folder_).value(), "J");
  write("chat_template.jinja", "X");
  EXPECT_EQ(find_folder_template(folder_).value(), "X");
}

TEST_F(FolderTest, a_broken_config_is_named) {
  write("tokenizer_config.json", "{");
  const auto found = find_folder_template(folder_);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kBadFile);
  EXPECT_TRUE(found.error().text().starts_with(folder_ + "/tokenizer_config.json: ")) << found.error().text();
}

TEST_F(FolderTest, conversations_survive_a_round_trip) {
  Conversation conversation{"m", {text::Message::of("system", "Be \"brief\"."), text::Message::of("user", "日本\n")}};
  auto answer = text::Message::of("assistant", "ok");
  answer.thinking = "hm";
  conversation.messages.push_back(answer);
  const std::string path = folder_ + "/c.json";
  ASSERT_TRUE(save_conversation(path, conversation));
  const auto loaded = load_conversation(path);
  ASSERT_TRUE(loaded) << loaded.error().text();
  ASSERT_EQ(loaded->messages.size(), 3u);
  EXPECT_EQ(loaded->model, "m");
  EXPECT_EQ(loaded->messages[1].text(), "日本\n");
  EXPECT_EQ(loaded->messages[2].role, "assistant");
  EXPECT_EQ(loaded->messages[2].thinking, "hm");
}

TEST_F(FolderTest, broken_conversations_say_where) {
  const std::string path = folder_ + "/c.json";
  const std::pair<const char*, const char*> cases[] = {
      {"{", "invalid JSON"},
      {"[]", "version"},
      {R"({"version": 2, "messages": []})", "version 2 is not known"},
      {R"({"version": 1})", "'messages' must be an array"},
      {R"({"version": 1, "messages": [{"role": "user", "content": "a"}, {"role": "ghost", "content": "b"}]})", "messages[1]: the role 'ghost'"},
      {R"({"version": 1, "messages": [{"role": "user"}]})", "messages[0]: "},
  };
  for (const auto& [text, words] : cases) {
    write("c.json", text);
    const auto loaded = load_conversation(path);
    ASSERT_FALSE(loaded) << text;
    EXPECT_TRUE(loaded.error().text().starts_with(path)) << loaded.error().text();
    EXPECT_NE(loaded.error().text().find(words), std::string::npos) << loaded.error().text();
  }
}

// Predicts the byte that follows in the alphabet with probability 1/2 and all others alike.
class NextLetterEngine final : public engine::Engine {
 public:
  Result<engine::RequestId> submit(engine::Request request, std::shared_ptr<engine::EventSink> sink) override {
    prompts.push_back(request.prompt);
    sink_ = std::move(sink);
    return 1;
  }
  Result<std::vector<engine::RequestId>> submit_several(engine::Request, std::span<const std::shared_ptr<engine::EventSink>>) override {
    return fail(ErrorCode::kUnsupported, "one answer only");
  }
  bool wait_for_work(std::chrono::milliseconds) override { return false; }
  void wake() override {}
  void cancel(engine::RequestId) override {}
  bool step() override {
    const auto& prompt = prompts.back();
    for (uint32_t i = 0; i < prompt.size(); ++i) {
      std::vector<float> logits(261, 0);
      logits[static_cast<size_t>(prompt[i] + 1) % 261] = std::log(260.0f);
      sink_->on_prompt_logits(i, logits);
    }
    sink_->on_finish({});
    return true;
  }
  uint32_t context() const override { return 8; }
  uint64_t kv_bytes() const override { return 0; }
  engine::EngineLoad load() const override { return {}; }
  engine::EngineStats stats() const override { return {}; }
  std::string summary() const override { return ""; }
  std::vector<std::vector<int32_t>> prompts;

 private:
  std::shared_ptr<engine::EventSink> sink_;
};

TEST(PerplexityTest, windows_bos_halves_and_tail) {
  const ByteTokenizer tokenizer;
  NextLetterEngine engine;
  // With BOS: [<s> a b c d e f g] [h i j k l m z z] and a tail of two. Scored: positions 4..6, targets e f g and m z z.
  const auto result = measure_perplexity(engine, tokenizer, "abcdefghijklmzzxx", 8, [](const auto&, uint32_t windows) {
    EXPECT_EQ(windows, 2u);
    return true;
  });
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->windows, 2u);
  EXPECT_EQ(result->dropped, 2u);
  EXPECT_EQ(result->scored, 6u);
  const double hit = std::log(2.0), miss = std::log(520.0), mean = (4 * hit + 2 * miss) / 6;
  EXPECT_NEAR(result->value, std::exp(mean), 1e-4);
  const double variance = (4 * hit * hit + 2 * miss * miss) / 6 - mean * mean;
  EXPECT_NEAR(result->error, std::exp(mean) * std::sqrt(variance / 5), 1e-4);
  EXPECT_EQ(engine.prompts[1], (std::vector<int32_t>{ByteTokenizer::kBos, 'i', 'j', 'k', 'l', 'm', 'z'}));
}

TEST(PerplexityTest, refuses_a_short_text_and_can_be_stopped) {
  const ByteTokenizer tokenizer;
  NextLetterEngine engine;
  const auto go_on = [](const auto&, uint32_t) { return true; };
  const auto refused = measure_perplexity(engine, tokenizer, "abc", 8, go_on);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text(), "the text has 4 tokens; one window needs 8");
  const auto stopped = measure_perplexity(engine, tokenizer, "abcdefghijklmzzxx", 8, [](const auto&, uint32_t) { return false; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace hearth::service
