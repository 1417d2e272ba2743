#pragma once
// A tokenizer of bytes and an engine that plays a script, for tests of what services do between them.
#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "service/chat_request.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::service::testing {

using text::TokenId;

// Tokens 0-255 are bytes; a few control tokens follow.
class ByteTokenizer : public text::Tokenizer {
 public:
  static constexpr TokenId kBos = 256, kEos = 257, kUser = 258, kThink = 259, kEndThink = 260;

  ByteTokenizer() {
    special_.bos = kBos;
    special_.eos = kEos;
    special_.adds_bos = true;
    special_.end_of_generation = {kEos};
  }
  text::Tokenizer::Special& edit_special() { return special_; }

  std::vector<TokenId> encode(std::string_view text, const text::EncodeOptions& options) const override {
    std::vector<TokenId> out;
    if (options.add_special && special_.adds_bos) out.push_back(kBos);
    for (size_t i = 0; i < text.size();) {
      const TokenId control = options.parse_special && !is_plain(options.plain, i) ? control_at(text.substr(i)) : -1;
      out.push_back(control >= 0 ? control : static_cast<unsigned char>(text[i]));
      i += control >= 0 ? token_text(control).size() : 1;
    }
    if (options.add_special && special_.adds_eos) out.push_back(kEos);
    return out;
  }
  std::string decode(std::span<const TokenId> ids, bool with_control) const override {
    std::string out;
    for (const TokenId id : ids) out += piece(id, with_control);
    return out;
  }
  std::string piece(TokenId id, bool with_control) const override {
    if (id < kBos) return std::string(1, static_cast<char>(id));
    return with_control ? std::string(token_text(id)) : "";
  }
  size_t size() const override { return 256 + std::size(kControl); }
  text::TokenKind kind(TokenId id) const override { return id < kBos ? text::TokenKind::kByte : text::TokenKind::kControl; }
  std::string_view token_text(TokenId id) const override { return id < kBos ? "" : kControl[id - kBos]; }
  std::optional<TokenId> find(std::string_view) const override { return {}; }
  const Special& special() const override { return special_; }
  std::string_view summary() const override { return "bytes"; }

 private:
  static constexpr std::string_view kControl[] = {"<s>", "</s>", "<|user|>", "[THINK]", "[/THINK]"};

  static bool is_plain(std::span<const text::TextRange> plain, size_t at) {
    return std::ranges::any_of(plain, [&](const text::TextRange& r) { return r.begin <= at && at < r.end; });
  }
  TokenId control_at(std::string_view text) const {
    for (size_t i = 0; i < std::size(kControl); ++i)
      if (text.starts_with(kControl[i])) return kBos + static_cast<TokenId>(i);
    return -1;
  }

  Special special_;
};

inline std::vector<TokenId> bytes_of(std::string_view text) {
  std::vector<TokenId> out;
  for (const char c : text) out.push_back(static_cast<unsigned char>(c));
  return out;
}

// Answers every request with the same tokens, one a step, as the engine's contract says.
class ScriptedEngine final : public engine::Engine {
 public:
  explicit ScriptedEngine(std::vector<TokenId> script) : script_(std::move(script)) {}

  Result<engine::RequestId> submit(engine::Request request, std::shared_ptr<engine::EventSink> sink) override {
    if (refusal) return Failure(*refusal);
    requests.push_back(request);
    sink_ = std::move(sink);
    cancelled_ = false;
    next_ = 0;
    return 7;
  }
  Result<std::vector<engine::RequestId>> submit_several(engine::Request, std::span<const std::shared_ptr<engine::EventSink>>) override {
    return fail(ErrorCode::kUnsupported, "the script knows one answer");
  }
  bool wait_for_work(std::chrono::milliseconds) override { return false; }
  void wake() override {}
  void cancel(engine::RequestId id) override { cancelled_ = cancelled_ || id == 7; }
  bool step() override {
    if (sink_ == nullptr) return false;
    const engine::Request& request = requests.back();
    if (next_ == 0) sink_->on_prompt_progress(static_cast<uint32_t>(request.prompt.size()), static_cast<uint32_t>(request.prompt.size()));
    if (cancelled_) return finish(engine::FinishReason::kCancelled);
    if (failure && next_ == 2) return finish(engine::FinishReason::kError);
    if (next_ == script_.size()) return finish(engine::FinishReason::kContext);
    const TokenId token = script_[next_++];
    if (after_token) after_token(next_);
    sink_->on_token(token, -0.5f, {});
    if (std::ranges::find(request.stop_tokens, token) != request.stop_tokens.end()) return finish(engine::FinishReason::kStopToken);
    if (next_ == request.max_tokens) return finish(engine::FinishReason::kLength);
    return true;
  }
  uint32_t context() const override { return 100; }
  uint64_t kv_bytes() const override { return 0; }
  engine::EngineLoad load() const override { return {}; }
  engine::EngineStats stats() const override { return {}; }
  std::string summary() const override { return "scripted"; }

  std::vector<engine::Request> requests;
  std::optional<Error> refusal, failure;               // of submit; after two tokens
  std::function<void(size_t tokens)> after_token;
  size_t steps_taken() const { return next_; }

 private:
  bool finish(engine::FinishReason reason) {
    engine::Finish end;
    end.reason = reason;
    end.prompt_tokens = static_cast<uint32_t>(requests.back().prompt.size());
    end.generated_tokens = static_cast<uint32_t>(next_);
    if (failure) end.error = *failure;
    std::exchange(sink_, nullptr)->on_finish(end);
    return true;
  }

  std::vector<TokenId> script_;
  std::shared_ptr<engine::EventSink> sink_;
  size_t next_ = 0;
  bool cancelled_ = false;
};

// Joins what it hears; every delta must be whole characters.
class Recorder final : public EventReceiver {
 public:
  void on_delta(const Delta& delta) override {
    (delta.kind == Delta::Kind::kThinking ? thinking : text) += delta.text;
    deltas.emplace_back(delta.text);
  }
  std::string text, thinking;
  std::vector<std::string> deltas;
};

}  // namespace hearth::service::testing
