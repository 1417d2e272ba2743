// Bounds on what one request may ask: each field of Limits that a body can run into, and the nesting of JSON.
#include "api/fields.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "api/http/limits.h"
#include "api/protocol.h"

namespace hearth::api {
namespace {

std::string repeated(std::string_view item, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out.append(i == 0 ? "" : ",").append(item);
  return out;
}

// The error of a body, or "".
std::string error_of(std::string_view protocol, const std::string& text) {
  const auto body = Json::parse(text);
  if (!body) return body.error().text();
  for (const Protocol* p : protocols())
    if (p->name == protocol) {
      const auto call = p->parse(*body, {});
      return call ? "" : call.error().message;
    }
  return "no such protocol";
}

std::string chat(const std::string& more) { return R"({"messages":[{"role":"user","content":"x"}],)" + more + "}"; }

TEST(Limits, HoldWhereABodyRunsIntoThem) {
  constexpr Limits limits;
  const auto messages = [](size_t n) { return R"({"messages":[)" + repeated(R"({"role":"user","content":"x"})", n) + "]}"; };
  EXPECT_EQ(error_of("openai_chat", messages(limits.messages)), "");
  EXPECT_EQ(error_of("openai_chat", messages(limits.messages + 1)), "messages has 16385 items; at most 16384 are allowed");

  const auto tools = [](size_t n) { return chat(R"("tools":[)" + repeated(R"({"function":{"name":"f"}})", n) + "]"); };
  EXPECT_EQ(error_of("openai_chat", tools(limits.tools)), "");
  EXPECT_EQ(error_of("openai_chat", tools(limits.tools + 1)), "tools has 1025 items; at most 1024 are allowed");

  const auto prompts = [](size_t n) { return R"({"prompt":[)" + repeated(R"("x")", n) + "]}"; };
  EXPECT_EQ(error_of("openai_completions", prompts(limits.prompts)), "");
  EXPECT_EQ(error_of("openai_completions", prompts(limits.prompts + 1)), "prompt has 65 texts; at most 64 are allowed");

  const auto biases = [](size_t n) { return chat(R"("logit_bias":[)" + repeated("[1,0]", n) + "]"); };
  EXPECT_EQ(error_of("openai_chat", biases(limits.logit_biases)), "");
  EXPECT_EQ(error_of("openai_chat", biases(limits.logit_biases + 1)), "logit_bias has 1025 biases; at most 1024 are allowed");

  std::string variables;
  for (size_t i = 0; i <= limits.template_variables; ++i) variables += fmt::format("{}\"v{}\":1", i == 0 ? "" : ",", i);
  EXPECT_EQ(error_of("openai_chat", chat("\"chat_template_kwargs\":{" + variables + "}")),
            "chat_template_kwargs has 33 members; at most 32 are allowed");

  EXPECT_EQ(error_of("openai_chat", chat(fmt::format("\"max_tokens\":{}", limits.max_tokens))), "");
  EXPECT_EQ(error_of("openai_chat", chat(fmt::format("\"max_tokens\":{}", limits.max_tokens + 1))), "max_tokens is 16777217; it must be from -1 to 16777216");
  EXPECT_EQ(error_of("openai_chat", chat(fmt::format("\"n\":{}", limits.choices))), "");
  EXPECT_EQ(error_of("openai_chat", chat(fmt::format("\"n\":{}", limits.choices + 1))), "n is 65; it must be from 1 to 64");
}

TEST(Limits, NestingIsBounded) {
  for (const char* open : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 60'000; ++i) deep += open;
    EXPECT_NE(error_of("openai_chat", chat("\"x\":" + deep)), "");
  }
  const auto nested = [](size_t depth) { return chat("\"x\":" + std::string(depth, '[') + std::string(depth, ']')); };
  EXPECT_EQ(error_of("openai_chat", nested(Json::kMaxDepth - 2)), "");
  EXPECT_NE(error_of("openai_chat", nested(Json::kMaxDepth + 1)), "");
}

// Every option that a request can set refuses what its range excludes, whatever the option.
TEST(Generation, EveryOptionChecksTypeAndRange) {
  service::GenerationOptions generation;
  options::OptionList list;
  visit(list, generation);
  size_t tried = 0;
  for (const auto& option : list.all()) {
    if (option.name == "stop" || option.name == "dry-breaker" || option.name == "samplers" || option.name == "logit-bias") continue;
    for (const char* wrong : {"{}", "[]", "\"x\""}) {
      EXPECT_NE(error_of("openai_chat", chat(fmt::format("\"{}\":{}", option.key(), wrong))), "") << option.name << " " << wrong;
      ++tried;
    }
    if (option.traits.high) EXPECT_NE(error_of("openai_chat", chat(fmt::format("\"{}\":{}", option.key(), *option.traits.high + 1))), "") << option.name;
    const bool has_word_below = option.name == "min-keep" || option.name == "top-n-sigma";  // other servers' for none
    if (option.traits.low && !has_word_below)
      EXPECT_NE(error_of("openai_chat", chat(fmt::format("\"{}\":{}", option.key(), *option.traits.low - 1))), "") << option.name;
  }
  EXPECT_GT(tried, 60u);
}

// Under the name that others gave it, the penalty is for all tokens.
TEST(Generation, ThePenaltyOfOthersMeansAllTokens) {
  const auto last_n = [](const std::string& more) {
    const Protocol* const protocol = *std::ranges::find(protocols(), "openai_chat", &Protocol::name);
    return std::get<service::ChatRequest>(protocol->parse(*Json::parse(chat(more)), {})->asks[0]).generation.sampling.repeat_last_n;
  };
  EXPECT_EQ(last_n(R"("repetition_penalty":1.1)"), -1);
  EXPECT_EQ(last_n(R"("repetition_penalty":1.1,"repeat_last_n":7)"), 7);
  EXPECT_EQ(last_n(R"("repeat_penalty":1.1)"), 64);
}

TEST(Fields, KeepTheFirstErrorAndNameThePath) {
  const Json body = *Json::parse(R"({"a": 1, "b": {"c": "x"}, "n": null, "z": 2})");
  Fields fields(body);
  EXPECT_FALSE(fields.text("n"));
  EXPECT_EQ(*fields.integer("a", 0, 5), 1);
  Fields inner(*fields.find("b"), fields.path("b"));
  EXPECT_FALSE(inner.integer("c", 0, 5));
  fields.take(inner.done());
  EXPECT_FALSE(fields.text("a"));
  EXPECT_EQ(fields.done().error().message, "b.c is a string; it must be an integer");
  EXPECT_EQ(fields.done().error().where, "b.c");
  EXPECT_EQ(fields.unknown(), std::vector<std::string>{"z"});
}

}  // namespace
}  // namespace hearth::api
