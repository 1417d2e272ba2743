#pragma once
// One request on its way through an engine.
#include <atomic>
#include <memory>

#include "engine/engine.h"
#include "service/chat_request.h"
#include "service/output_stream.h"

namespace hearth::service {

// Turns the engine's events into a receiver's. The engine holds it until the end; others may hold it to cancel.
class Generation final : public engine::EventSink {
 public:
  // Submits one prompt, to be continued once for each receiver; all are taken, or none. Whoever steps the engine makes the
  // events come, possibly before this returns. Engine and tokenizer must outlive the generations.
  static Result<std::vector<std::shared_ptr<Generation>>> start(engine::Engine& engine, const text::Tokenizer& tokenizer,
                                                                engine::Request request, const OutputOptions& output,
                                                                std::span<const std::shared_ptr<EventReceiver>> receivers);

  void cancel();  // from any thread, any number of times; ends with kCancelled within one step
  bool finished() const { return stream_.finished(); }      // on the engine's thread
  Result<Outcome> outcome() const;                          // once finished

  void on_prompt_progress(uint32_t done, uint32_t total) override { stream_.on_prompt_progress(done, total); }
  void on_token(int32_t token, float logprob, std::span<const engine::TokenLogprob> top) override {
    stream_.on_token(token, logprob, top);
  }
  void on_finish(const engine::Finish& finish) override;

 private:
  Generation(engine::Engine& engine, const text::Tokenizer& tokenizer, uint64_t seed, const OutputOptions& output,
             std::shared_ptr<EventReceiver> receiver);
  void set_id(engine::RequestId id);

  engine::Engine& engine_;
  const uint64_t seed_;
  const std::shared_ptr<EventReceiver> receiver_;
  OutputStream stream_;
  std::atomic<engine::RequestId> id_{0};     // 0: not known yet; the first events may come before it is
  std::atomic<bool> is_cancelled_{false};
};

// For callers that own the engine alone: starts and steps until the request has finished. `interrupted` is looked at between
// steps.
Result<Outcome> generate(engine::Engine& engine, const text::Tokenizer& tokenizer, engine::Request request,
                         OutputOptions output, EventReceiver& receiver, const std::atomic<bool>& interrupted);

}  // namespace hearth::service
