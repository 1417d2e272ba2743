#pragma once
// A sink that remembers everything, and checks the order of events.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "engine/request.h"

namespace hearth::engine {

class Recorder final : public EventSink {
 public:
  void on_prompt_progress(uint32_t done, uint32_t total) override {
    EXPECT_TRUE(tokens.empty());
    EXPECT_GT(done, progress);
    EXPECT_LE(done, total);
    progress = done;
    if (after_progress) after_progress();
  }
  void on_prompt_logits(uint32_t position, std::span<const float> logits) override {
    EXPECT_EQ(position, prompt_logits.size());
    prompt_logits.emplace_back(logits.begin(), logits.end());
  }
  void on_token(int32_t token, float logprob, std::span<const TokenLogprob> top) override {
    EXPECT_FALSE(is_finished);
    tokens.push_back(token);
    logprobs.push_back(logprob);
    tops.emplace_back(top.begin(), top.end());
    if (after_token) after_token();
  }
  void on_finish(const Finish& f) override {
    EXPECT_FALSE(is_finished) << "finished twice";
    is_finished = true;
    finish = f;
    EXPECT_EQ(finish.generated_tokens, tokens.size());
    if (after_finish) after_finish();
  }

  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
  std::vector<std::vector<TokenLogprob>> tops;
  std::vector<std::vector<float>> prompt_logits;
  RequestId id = 0;
  uint32_t progress = 0;
  bool is_finished = false;
  Finish finish;
  std::function<void()> after_progress, after_token, after_finish;
};

}  // namespace hearth::engine
