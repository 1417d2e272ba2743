// Stop strings and reasoning in streams, cut at every place.
#include <gtest/gtest.h>

#include "base/utf8.h"
#include "service/generation.h"
#include "service/test/fakes.h"

namespace hearth::service {
namespace {

using testing::ByteTokenizer;
using testing::Recorder;
using testing::ScriptedEngine;

// Feeds `text` in two pieces cut at `cut`, then byte by byte.
struct Stopped {
  std::string shown, match;
  bool operator==(const Stopped&) const = default;
};
Stopped run_matcher(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  Stopped out;
  for (const auto& piece : pieces) out.shown += matcher.feed(piece);
  if (!matcher.matched()) out.shown += matcher.finish();
  out.match = matcher.match();
  return out;
}

std::vector<std::string> bytes(const std::string& text) {
  std::vector<std::string> out;
  for (const char c : text) out.emplace_back(1, c);
  return out;
}

TEST(StopMatcherTest, same_result_wherever_the_stream_is_cut) {
  const struct {
    std::vector<std::string> stops;
    std::string text;
    Stopped expected;
  } cases[] = {
      {{"END"}, "go on END never", {"go on ", "END"}},
      {{"END"}, "go EN", {"go EN", ""}},
      {{"END"}, "EENDx", {"E", "END"}},
      {{"aab"}, "aaab", {"a", "aab"}},
      {{"abc", "b"}, "xabc", {"xa", "b"}},            // completes first
      {{"bc", "abc"}, "xabc", {"x", "abc"}},          // complete together: the longest
      {{"\n\n", "user:"}, "a\nb\n\nc", {"a\nb", "\n\n"}},
      {{"é!"}, "caféé!", {"café", "é!"}},
      {{"abab"}, "ababab", {"", "abab"}},
      {{}, "nothing stops", {"nothing stops", ""}},
      {{"x"}, "", {"", ""}},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(run_matcher(c.stops, bytes(c.text)), c.expected) << c.text;
    for (size_t cut = 0; cut <= c.text.size(); ++cut)
      EXPECT_EQ(run_matcher(c.stops, {c.text.substr(0, cut), c.text.substr(cut)}), c.expected) << c.text << " cut at " << cut;
  }
}

TEST(StopMatcherTest, shows_what_can_no_longer_become_a_stop_string) {
  StopMatcher matcher({"<end>"});
  EXPECT_EQ(matcher.feed("a<e"), "a");
  EXPECT_EQ(matcher.feed("x"), "<ex");
  EXPECT_EQ(matcher.feed("y<"), "y");
  EXPECT_EQ(matcher.finish(), "<");
}

ThinkingSplitter::Pieces split(const ThinkingMarks* open, const std::vector<std::string>& pieces) {
  ThinkingSplitter splitter(open);
  ThinkingSplitter::Pieces out;
  auto add = [&](ThinkingSplitter::Pieces more) {
    out.thinking += more.thinking;
    out.answer += more.answer;
  };
  for (const auto& piece : pieces) add(splitter.feed(piece));
  add(splitter.finish());
  return out;
}

TEST(ThinkingSplitterTest, every_variant_cut_at_every_byte) {
  for (const auto& marks : thinking_marks()) {
    const std::string open(marks.open), close(marks.close);
    const struct {
      bool opened_by_prompt;
      std::string text, thinking, answer;
    } cases[] = {
        {false, open + "\nhm < 3\nso\n" + close + "\n\nYes.\n", "hm < 3\nso", "Yes.\n"},
        {false, "\n" + open + "a" + close + "b", "a", "b"},
        {true, "hm" + close + "Yes", "hm", "Yes"},
        {true, "\n" + close + "\nYes", "", "Yes"},
        {false, open + "no end", "no end", ""},
        {false, "Just " + open + "words" + close, "", "Just " + open + "words" + close},
        {false, open + "a" + close + "b " + open + "c" + close, "a", "b " + open + "c" + close},
        {false, open.substr(0, open.size() - 1), "", open.substr(0, open.size() - 1)},
        {false, "", "", ""},
    };
    for (const auto& c : cases) {
      const ThinkingMarks* opened = c.opened_by_prompt ? &marks : nullptr;
      for (size_t cut = 0; cut <= c.text.size(); ++cut) {
        const auto got = split(opened, {c.text.substr(0, cut), c.text.substr(cut)});
        EXPECT_EQ(got.thinking, c.thinking) << c.text << " cut at " << cut;
        EXPECT_EQ(got.answer, c.answer) << c.text << " cut at " << cut;
      }
      const auto got = split(opened, bytes(c.text));
      EXPECT_EQ(got.thinking, c.thinking) << c.text;
      EXPECT_EQ(got.answer, c.answer) << c.text;
    }
  }
}

TEST(ThinkingSplitterTest, the_prompt_may_open_the_block) {
  EXPECT_EQ(opened_by_prompt("<|assistant|>\n<think>\n")->close, "</think>");
  EXPECT_EQ(opened_by_prompt("<|assistant|>[THINK]")->close, "[/THINK]");
  EXPECT_EQ(opened_by_prompt("<|assistant|>\n<think>\n\n</think>\n\n"), nullptr);
  EXPECT_EQ(opened_by_prompt("<think> is how it begins"), nullptr);
  EXPECT_EQ(opened_by_prompt(""), nullptr);
}

// Through the engine: one byte is one token.
class GenerationTest : public ::testing::Test {
 protected:
  Result<Outcome> run(std::vector<text::TokenId> script, OutputOptions output, engine::Request request = {}) {
    engine_ = std::make_unique<ScriptedEngine>(std::move(script));
    engine_->failure = failure_;
    if (interrupt_after_ > 0)
      engine_->after_token = [this](size_t n) { interrupted_ = interrupted_ || n == interrupt_after_; };
    request.prompt = {1};
    request.stop_tokens = output.end_tokens = {ByteTokenizer::kEos};
    return generate(*engine_, tokenizer_, std::move(request), std::move(output), recorder_, interrupted_);
  }

  ByteTokenizer tokenizer_;
  Recorder recorder_;
  std::unique_ptr<ScriptedEngine> engine_;
  std::atomic<bool> interrupted_{false};
  size_t interrupt_after_ = 0;
  std::optional<Error> failure_;
};

std::vector<text::TokenId> with_end(std::string_view text) {
  auto tokens = testing::bytes_of(text);
  tokens.push_back(ByteTokenizer::kEos);
  return tokens;
}

TEST_F(GenerationTest, characters_are_never_split) {
  const std::string text = "naïve 日本語 🙂!";
  const auto outcome = run(with_end(text), {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(recorder_.text, text);
  for (const auto& delta : recorder_.deltas) EXPECT_TRUE(utf8::is_valid(delta)) << delta;
  EXPECT_EQ(outcome->reason, FinishReason::kEnd);
  EXPECT_EQ(outcome->tokens.size(), text.size() + 1);
  EXPECT_EQ(outcome->logprobs.size(), outcome->tokens.size());
  EXPECT_EQ(outcome->text, text);
}

TEST_F(GenerationTest, where_the_prompt_left_the_last_one_is_told_in_text) {
  OutputStream stream(tokenizer_, {}, recorder_, [] {});
  const engine::PrefixMiss miss{.position = 40, .first = 35, .last = testing::bytes_of("dateé 1"), .now = testing::bytes_of("date\xC3")};
  stream.on_finish({.miss = miss});
  const auto outcome = stream.outcome();
  ASSERT_TRUE(outcome && outcome->miss);
  EXPECT_EQ(outcome->miss->position, 40u);
  EXPECT_EQ(outcome->miss->before, "date\uFFFD");  // a character that is cut is shown as one
  EXPECT_EQ(outcome->miss->last, "\uFFFD 1");
  EXPECT_EQ(outcome->miss->now, "");
}

TEST_F(GenerationTest, an_unfinished_character_becomes_a_replacement) {
  const auto outcome = run(with_end("a\xE6\x97"), {});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->text, "a\uFFFD");
}

TEST_F(GenerationTest, a_stop_string_across_tokens_ends_the_request) {
  const auto outcome = run(testing::bytes_of("one. STOP two"), {.stop = {"STOP"}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(recorder_.text, "one. ");
  EXPECT_EQ(outcome->reason, FinishReason::kStopString);
  EXPECT_EQ(outcome->stop_string, "STOP");
  EXPECT_EQ(outcome->tokens, testing::bytes_of("one. STOP"));
  EXPECT_EQ(engine_->steps_taken(), 9u);  // the engine was told at once
}

TEST_F(GenerationTest, stop_strings_do_not_look_into_the_reasoning) {
  const auto outcome = run(with_end("<think>a STOP b</think>yes STOP"), {.stop = {"STOP"}, .separate_thinking = true});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->thinking, "a STOP b");
  EXPECT_EQ(outcome->text, "yes ");
  EXPECT_EQ(outcome->reason, FinishReason::kStopString);
}

TEST_F(GenerationTest, control_tokens_may_mark_the_reasoning) {
  std::vector<text::TokenId> script = {ByteTokenizer::kThink, 'h', 'm', ByteTokenizer::kEndThink, 'o', 'k', ByteTokenizer::kEos};
  const auto outcome = run(script, {.separate_thinking = true});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(recorder_.thinking, "hm");
  EXPECT_EQ(recorder_.text, "ok");
  const auto raw = run(script, {});
  ASSERT_TRUE(raw);
  EXPECT_EQ(raw->text, "hmok");
}

TEST_F(GenerationTest, a_held_back_end_is_shown) {
  const auto outcome = run(with_end("abc ST"), {.stop = {"STOP"}});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->text, "abc ST");
  EXPECT_EQ(outcome->reason, FinishReason::kEnd);
}

TEST_F(GenerationTest, every_way_to_finish) {
  engine::Request limited;
  limited.max_tokens = 2;
  EXPECT_EQ(run(testing::bytes_of("abcdef"), {}, limited)->reason, FinishReason::kLength);
  EXPECT_EQ(run(testing::bytes_of("abc"), {})->reason, FinishReason::kContext);
  interrupt_after_ = 3;
  const auto cancelled = run(testing::bytes_of("abcdef"), {});
  EXPECT_EQ(cancelled->reason, FinishReason::kCancelled);
  EXPECT_EQ(cancelled->text, "abc");
}

TEST_F(GenerationTest, the_engines_error_is_the_callers) {
  failure_ = Error{ErrorCode::kDoesNotFit, "no page left", {}};
  const auto outcome = run(testing::bytes_of("abcdef"), {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, ErrorCode::kDoesNotFit);
  EXPECT_EQ(recorder_.text, "ab");
}

}  // namespace
}  // namespace hearth::service
