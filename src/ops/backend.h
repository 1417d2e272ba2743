#pragma once
// A device that can hold weights and run the operations of ops.h. Calls of one Backend are made by one thread at a time;
// the backend uses its own threads inside. Operations never allocate for good: scratch grows to the largest step and stays.
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/thread_pool.h"
#include "base/trace.h"
#include "ops/image_store.h"
#include "ops/ops.h"
#include "tensor/buffer.h"

namespace hearth::ops {

// What a packing tells while it runs. Both may be empty.
struct PackEvents {
  std::function<void(std::span<const std::byte> source)> packed;  // these source bytes have served; from any thread
  std::function<void(uint64_t source_bytes)> progress;            // so many have, of all; from the caller's thread
};

// Weights on their way into a backend: first described one by one, then all packed at once by all threads.
class Packing {
 public:
  virtual ~Packing() = default;

  // A weight of the parts, stacked along rows (fused q/k/v). Parts share their column count. Its size and layout are known
  // at once; it has no values until run(), and until then the sources' bytes must stay. Sources may come without bytes
  // (from headers alone): bytes() tells the truth about them, run() must not be called.
  // Errors: kUnsupported names the format, kBadFile a shape.
  virtual Result<std::unique_ptr<Weight>> add(std::span<const WeightSource> parts) = 0;

  virtual uint64_t bytes() const = 0;  // resident, of all weights added

  // Packs everything added, without changing a value, or takes what an earlier run left in `kept` and offers it there. Once.
  virtual Result<void> run(const PackEvents& events, ImageStore* kept = nullptr) = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;  // "cpu", "reference"
  virtual std::string summary() const = 0;    // "cpu: avx512 kernels, 2 threads"
  virtual Trace* trace() const { return nullptr; }  // records what runs here; null: nothing does (traced_backend.h)

  virtual std::unique_ptr<Packing> begin_packing() = 0;  // outlived by the backend

  // One weight at once. Errors: as Packing's.
  Result<std::unique_ptr<Weight>> pack(std::span<const WeightSource> parts);

  // Zeroed memory for activations, caches and vectors.
  virtual Buffer allocate(size_t bytes) = 0;

  virtual void embed(const Weight& table, std::span<const int32_t> tokens, Matrix out) = 0;
  virtual void matmul(const Weight& weight, ConstMatrix x, Matrix out, const MatmulOptions& options) = 0;
  virtual void norm(ConstMatrix x, Matrix out, const NormOptions& options) = 0;  // out may be x, unless it accumulates
  virtual void rope(Matrix x, ConstMatrix angles, const RopeOptions& options) = 0;

  // Writes k (rows, kv_heads * k_dim) and v into the pages of each row's sequence.
  virtual void kv_append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step) = 0;
  // q: (rows, heads * k_dim), out: (rows, heads * v_dim). The step's own keys and values are already appended.
  virtual void attention(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out,
                         const AttentionOptions& options) = 0;

  virtual void scale(Matrix x, float factor) = 0;
  virtual void softcap(Matrix x, float cap) = 0;  // x = cap * tanh(x / cap)
  virtual void gather_rows(ConstMatrix x, std::span<const uint32_t> rows, Matrix out) = 0;

  // sums[i]: of row rows[i].
  virtual void softmax_sums(ConstMatrix logits, std::span<const uint32_t> rows, std::span<SoftmaxSums> sums) = 0;

  // routes: rows * options.active entries, row after row, best first.
  virtual void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options) = 0;
  // out[r] = sum over r's routes of weight * expert(x[r]); routes as above, options.active per row.
  virtual void experts(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
                       const ExpertOptions& options) = 0;

  // Gated short convolution (LFM2): x is (rows, 3 * width) = [b | c | v]; with u = b * v, out = c * causal_conv(u), where
  // causal_conv(u)[t] = sum_i kernel[channel][i] * u[t - (taps - 1) + i] (+ bias). The slot keeps the last taps - 1 values
  // of u of its sequence, oldest first: [taps - 1][width].
  virtual void short_conv(ConstMatrix x, const float* kernel, const float* bias, uint32_t taps, const SlotLayer& layer,
                          const Step& step, Matrix out) = 0;
};

}  // namespace hearth::ops
