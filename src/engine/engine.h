#pragma once
// The one loop that owns time and memory: requests wait, a scheduler picks rows, the runner forwards them, samplers choose.
// submit(), submit_several(), cancel(), wake() and stats() may be called from any thread; step() and wait_for_work() from one
// thread at a time.
//
//   while (!stopping) engine.step() || engine.wait_for_work(1s);     the thread that drives it; to stop: stopping, wake()
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/request.h"
#include "engine/stats.h"
#include "model/model.h"
#include "ops/backend.h"

namespace hearth::engine {

// Who of the waiting starts first. Keys share fairly under each of them (waiting_queue.h).
enum class Policy : uint8_t { kFcfs, kLongestPrefix, kPriority };

using Clock = std::function<double()>;  // seconds since some moment, never going back

// Prefixes that outlive the process. Engines may share a folder.
struct DiskCacheOptions {
  std::string folder;                // empty: off
  std::string model;                 // names what decides the bits of a page beside its tokens: the weights and the kernels
  uint64_t max_bytes = uint64_t{16} << 30;
  uint64_t loaded_bytes = uint64_t{256} << 20;  // brought to memory at once; a longer prefix comes in parts
};

struct EngineOptions {
  uint32_t context = 0;              // tokens a sequence may reach; 0: the model's own limit, bounded by kv_memory_bytes
  // Tokens per KV page. 16, a tile of the kernels, is the least: a prefix is found again to its last 15 tokens, and a sequence
  // wastes half a page on average. Larger ones make fewer, larger files of prefixes on disk.
  uint32_t page_tokens = 16;
  uint64_t kv_memory_bytes = 0;      // 0: what one sequence of `context` tokens needs
  ops::KvType k_type = ops::KvType::kF16, v_type = ops::KvType::kF16;
  uint32_t prefill_chunk = 512;      // prompt tokens per step at most
  uint32_t max_sequences = 1;        // running at once
  bool prefix_cache = true;          // keep finished prompts' pages for the next request that begins the same
  uint32_t snapshots = 0;            // of recurrent states, kept with those pages; 0: some for each sequence
  uint32_t snapshot_pages = 32;      // pages between two of them inside a prompt; 0: only where it ends or leaves another
  DiskCacheOptions disk_cache = {};
  uint64_t swap_bytes = 0;           // room for the pages of sequences that gave way; 0: they are computed again
  std::string swap_folder = {};      // keep them in an unnamed file of this folder; empty: in memory
  uint32_t max_waiting = 256;        // submissions beyond these are refused with kBusy
  double max_itl = 0.2;              // seconds that a step may take while somebody waits for the next token; 0: no limit
  Policy policy = Policy::kFcfs;
  Clock clock = {};                  // empty: the machine's steady clock
  std::shared_ptr<EngineObserver> observer = {};
};

// Destroyed with requests unfinished, it drops them without an event.
class Engine {
 public:
  virtual ~Engine() = default;

  // Errors: kInvalidArgument for a malformed request (empty prompt, token out of the vocabulary, sampling value out of
  // range: names the field and its range), kDoesNotFit when prompt + 1 exceed the context (both counts in the sentence),
  // kBusy when too many are waiting (with retry_after_seconds).
  virtual Result<RequestId> submit(Request request, std::shared_ptr<EventSink> sink) = 0;
  // The prompt continued once for each sink, computed once and its pages shared. Each continuation is a request of its own,
  // with continuation_seed(); prompt logits go to the first sink. All are taken, or none. Errors as above; kInvalidArgument
  // for no sink, more than kMostContinuations or more than may wait.
  virtual Result<std::vector<RequestId>> submit_several(Request request, std::span<const std::shared_ptr<EventSink>> sinks) = 0;
  virtual void cancel(RequestId id) = 0;   // finishes with kCancelled within one step; unknown ids are ignored
  virtual bool step() = 0;                 // one step; false when there is nothing to do. Where memory runs out (std::bad_alloc),
                                           // requests start again; if at once again, all end with kDoesNotFit

  // Sleeps until there is something to do (true), or until the time is over or wake() was called (false).
  virtual bool wait_for_work(std::chrono::milliseconds timeout) = 0;
  virtual void wake() = 0;                 // ends the wait under way, or the next one

  virtual uint32_t context() const = 0;
  virtual uint64_t kv_bytes() const = 0;   // reserved for pages and slots
  virtual EngineLoad load() const = 0;     // on step's thread, or between steps
  virtual EngineStats stats() const = 0;   // as of the last step
  virtual std::string summary() const = 0; // "context 4096, KV f16 224 MiB in 256 pages of 16 tokens"
};

constexpr uint32_t kMostContinuations = 128;

// `model` and `backend` must outlive the engine. Errors: kDoesNotFit with the numbers, kInvalidArgument, kCannotCreate when the
// folder of the prefix cache cannot be used.
Result<std::unique_ptr<Engine>> make_engine(model::Model& model, ops::Backend& backend, const EngineOptions& options);

// What make_engine() would reserve for a model of this shape. `model_context`: tokens the model was made for, 0 if unknown.
// Errors: as make_engine().
struct CacheMemory {
  uint64_t bytes = 0;    // pages and slots
  uint32_t context = 0;  // tokens a sequence could reach
};
Result<CacheMemory> plan_memory(const model::StateShape& shape, const EngineOptions& options, uint32_t model_context);

}  // namespace hearth::engine
