#pragma once
// How fast a loaded model reads prompts and generates, measured through the engine as a user's requests run, and what that is
// of what the machine can do. Prompts are random tokens; tokens are chosen greedily.
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "service/loaded_model.h"

namespace hearth::service {

struct BenchmarkCase {
  enum class Kind : uint8_t { kPrefill, kDecode } kind = Kind::kPrefill;
  uint32_t tokens = 0;  // read or generated, of each sequence
  uint32_t depth = 0;   // tokens of each sequence already in the cache
  uint32_t batch = 1;   // sequences at once
};

struct BenchmarkRun {
  BenchmarkCase of;
  std::vector<double> rates;  // of each repeat: tokens per second, of all sequences together
  double products = 0;        // prefill: multiplications by a weight per token, with the heads of the last ones
  double bytes = 0;           // decode: weights, keys and values read per step of `batch` tokens, on average

  double median() const;
  double least() const;
  double most() const;
  double matrix_fraction(double operations_per_second) const;  // two operations per product
  double bandwidth_fraction(double bytes_per_second) const;
};

// What an engine needs for these cases: tokens of a sequence, and sequences at once.
struct BenchmarkNeeds {
  uint32_t context = 2, sequences = 1;
};
BenchmarkNeeds benchmark_needs(std::span<const BenchmarkCase> cases, uint32_t prefill_chunk, uint32_t page_tokens);

class Benchmark {
 public:
  // The engine has what benchmark_needs says; its prefix cache spares the repeats from computing `depth` again. `fill`: what the
  // model was loaded with as ModelOptions::fill, to begin with random keys and values instead of computed ones; or null.
  Benchmark(LoadedModel& model, double bytes_per_kv_value, bool* fill = nullptr)
      : model_(model), bytes_per_kv_value_(bytes_per_kv_value), fill_(fill) {}

  // Measures a case `repeats` times. `repeat_done` hears of each; returning false ends it with kCancelled.
  Result<BenchmarkRun> measure(const BenchmarkCase& of, uint32_t repeats, const std::function<bool()>& repeat_done);

 private:
  class Watcher;
  using Watchers = std::vector<std::shared_ptr<Watcher>>;

  Result<double> prefill_rate(const BenchmarkCase& of);
  Result<double> decode_rate(const BenchmarkCase& of);
  Result<void> fill_depth(const BenchmarkCase& of);
  Result<Watchers> submit(const BenchmarkCase& of, uint32_t fresh_tokens, uint32_t max_tokens);
  double kv_bytes(double tokens) const;  // of one sequence

  LoadedModel& model_;
  double bytes_per_kv_value_;
  bool* fill_;
  Random fresh_{1};  // tokens that no earlier prompt has
};

}  // namespace hearth::service
