#pragma once
// The one loop that owns time and memory: requests wait, a scheduler picks rows, the runner forwards them, samplers choose.
// submit() and cancel() may be called from any thread; step() from one thread at a time.
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/request.h"
#include "model/model.h"
#include "ops/backend.h"

namespace hearth::engine {

struct EngineOptions {
  uint32_t context = 0;              // tokens a sequence may reach; 0: the model's own limit, bounded by kv_memory_bytes
  uint32_t page_tokens = 16;         // tokens per KV page
  uint64_t kv_memory_bytes = 0;      // 0: what one sequence of `context` tokens needs
  ops::KvType k_type = ops::KvType::kF16, v_type = ops::KvType::kF16;
  uint32_t prefill_chunk = 512;      // prompt tokens per step at most
  uint32_t max_sequences = 1;        // running at once
  bool prefix_cache = true;          // keep finished prompts' pages for the next request that begins the same
};

// What the engine holds right now, for displays and tests.
struct EngineLoad {
  uint32_t sequences = 0;                               // submitted, taken in and not finished
  uint32_t pages = 0, used_pages = 0, kept_pages = 0;   // of all window groups; kept: unused, but found again by their tokens
};

// Destroyed with requests unfinished, it drops them without an event.
class Engine {
 public:
  virtual ~Engine() = default;

  // Errors: kInvalidArgument for a malformed request (empty prompt, token out of the vocabulary, sampling value out of
  // range: names the field and its range), kDoesNotFit when prompt + 1 exceed the context (both counts in the sentence).
  virtual Result<RequestId> submit(Request request, std::shared_ptr<EventSink> sink) = 0;
  virtual void cancel(RequestId id) = 0;   // finishes with kCancelled within one step; unknown ids are ignored
  virtual bool step() = 0;                 // one step; false when there is nothing to do

  virtual uint32_t context() const = 0;
  virtual uint64_t kv_bytes() const = 0;   // reserved for pages and slots
  virtual EngineLoad load() const = 0;     // on step's thread, or between steps
  virtual std::string summary() const = 0; // "context 4096, KV f16 224 MiB in 256 pages of 16 tokens"
};

// `model` and `backend` must outlive the engine. Errors: kDoesNotFit with the numbers, kInvalidArgument.
Result<std::unique_ptr<Engine>> make_engine(model::Model& model, ops::Backend& backend, const EngineOptions& options);

}  // namespace hearth::engine
