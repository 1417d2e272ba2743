#pragma once
// Where the time of a run goes: spans of every thread in bounded rings, written as Chrome trace events, and exact sums per
// operation and thread. A recorder is handed down by whoever wants one; without it (null) a span costs one comparison.
//
// Thread 0 runs the steps; threads 1.. work in the parallel calls that it makes (ThreadPool). Each thread writes what is its
// own. write() and profile() are for thread 0 between parallel calls.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

// Sums over all steps of one kind.
struct StepProfile {
  std::string_view kind;         // "prompt" or "decode"
  uint64_t steps = 0, rows = 0;  // rows: tokens computed
  uint64_t joins = 0;            // parallel calls: points where all threads wait for the last
  double seconds = 0;            // of the steps
  double parallel_seconds = 0;   // in parallel calls; elsewhere only thread 0 works
  struct Operation {
    std::string name;            // "matmul q4_k 4096x1024"
    uint64_t calls = 0;
    double seconds = 0;
  };
  std::vector<Operation> operations;  // longest first; what is left of the seconds lies between operations
  std::vector<double> waiting;        // [thread]: seconds without work

  double waiting_share() const;  // of all threads' time
};

class Trace {
 public:
  // What a span is about. Texts outlive the recorder: literals and names of formats.
  struct What {
    std::string_view name;
    std::string_view format = {};          // of the weights that are read
    uint32_t outputs = 0, inputs = 0;      // their shape
    uint32_t rows = 0;                     // of the step, or 0
    int32_t number = -1;                   // of a layer, or -1
  };

  explicit Trace(size_t spans_per_thread = size_t{1} << 17);

  // A span of thread 0, from its making to its end. Spans nest.
  class Span {
   public:
    Span(Trace* trace, const What& what) : trace_(trace), what_(what), begin_(trace != nullptr ? now() : 0) {}
    ~Span() {
      if (trace_ != nullptr) trace_->record(0, what_, begin_, now());
    }
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;

   protected:
    Trace* const trace_;
    What what_;
    uint64_t begin_;
  };

  // A span that counts as an operation; operations do not nest. What threads do meanwhile bears its name.
  class Operation {
   public:
    Operation(Trace* trace, const What& what);
    ~Operation();
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;

   private:
    Trace* const trace_;
    What what_;
    uint64_t begin_ = 0;
  };

  // One step. Its kind is told once it is known, before the work that shall count for it.
  class Step {
   public:
    explicit Step(Trace* trace) : trace_(trace), begin_(trace != nullptr ? now() : 0) {}
    ~Step();
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    void has(uint32_t prompt_rows, uint32_t generated_rows);  // without prompt rows it is a decode step

   private:
    Trace* const trace_;
    uint64_t begin_;
    uint32_t rows_ = 0;
  };

  // For ThreadPool.
  static uint64_t now();                              // nanoseconds of the steady clock
  void expect_threads(unsigned threads);              // before they record
  void worked(unsigned thread, uint64_t begin);       // threads 1..: chunks of a parallel call, from begin to now
  void joined(uint64_t forked, uint64_t own_end);     // thread 0: the call began, its own chunks ended, all have ended now

  uint64_t dropped() const;                           // spans that newer ones pushed out of the rings
  std::vector<StepProfile> profile() const;           // of the kinds of steps that ran
  Result<void> write(const std::string& path) const;  // the rings as a JSON array of Chrome trace events. Errors: kCannotCreate

 private:
  enum Kind : uint8_t { kOutside, kPrompt, kDecode, kKinds };
  struct Recorded {
    What what;
    uint64_t begin, end;
  };
  struct alignas(64) Lane {
    std::vector<Recorded> ring;
    uint64_t recorded = 0;        // in all; the ring holds the last of them
    uint64_t busy[kKinds] = {};   // threads 1..: nanoseconds in chunks
  };
  struct OperationSum {
    What what;
    uint64_t calls = 0, time = 0;
  };
  struct KindSum {
    uint64_t steps = 0, rows = 0, joins = 0, time = 0, parallel = 0, join_wait = 0;
    std::vector<OperationSum> operations;
  };

  void record(unsigned thread, const What& what, uint64_t begin, uint64_t end);

  const size_t spans_per_thread_;
  const uint64_t start_;
  std::vector<Lane> lanes_;
  KindSum sums_[kKinds];
  Kind kind_ = kOutside;              // of the step in progress; threads read it within parallel calls
  const What* current_ = nullptr;     // the operation in progress, likewise
};

}  // namespace hearth
