#pragma once
// The arguments of every operation a model may ask of a device. Meaning and shapes stand here once; ops/reference computes
// them plainly, sums in double, and is the oracle for every other backend. All matrices are f32 views (matrix.h).
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "ops/kv_view.h"
#include "ops/matrix.h"
#include "ops/step.h"
#include "quant/format.h"

namespace hearth::ops {

// A matrix as a model file stores it: `rows` rows of `columns` values in `format`, row after row.
struct WeightSource {
  std::string_view name;  // for errors
  const quant::Format* format = nullptr;
  std::span<const std::byte> bytes;
  uint32_t rows = 0, columns = 0;
};

// A matrix as a backend wants it. Made by a Packing (backend.h); holds exactly the values of its sources.
class Weight {
 public:
  virtual ~Weight() = default;
  uint32_t rows = 0, columns = 0;
  size_t bytes = 0;                // resident
  std::string_view format_name;    // "q4_k"; "mixed" when the parts differ
  std::string_view layout_name;    // the packed layout, for `show`
};

enum class NormKind : uint8_t { kRms, kLayer };

// Each row is `groups` runs of columns/groups values, normalized one by one:
//   kRms:   x * weight / sqrt(mean(x^2) + eps)        kLayer: (x - mean) / sqrt(variance + eps) * weight + bias
struct NormOptions {
  NormKind kind = NormKind::kRms;
  const float* weight = nullptr;   // columns/groups values, or none (ones)
  const float* bias = nullptr;     // likewise, kLayer only
  float eps = 1e-5f;
  uint32_t groups = 1;
  bool accumulate = false;         // out += instead of out =; not in place
};

enum class Activation : uint8_t { kSilu, kGeluTanh, kGelu, kRelu, kRelu2 };

// out[r] = weight · x[r] (+ bias), for every row r.  x: (rows, weight.columns), out: (rows, weight.rows)
struct MatmulOptions {
  const NormOptions* norm = nullptr;  // of the rows of x, before anything else; or none
  const float* bias = nullptr;        // weight.rows values, or none
  // Half of a feed-forward: with weight and bias two parts of equal rows, gate above up,
  // out[r] = activation(gate · x[r]) * (up · x[r]), and out is (rows, weight.rows / 2).
  std::optional<Activation> gated = {};
  bool accumulate = false;            // out += instead of out =
};

// Rotates the first `dims` values of every head by angles (rows, dims): cos of pair i in column i, sin in dims/2 + i.
struct RopeOptions {
  uint32_t heads = 0, head_dim = 0, dims = 0;
  bool interleaved = false;        // pairs (2i, 2i+1) instead of (i, i + dims/2)
};

// softmax(scale * q·k with mask) · v, grouped queries: query head h reads kv head h / (heads / kv_heads).
// A query at cache position p sees positions j <= p, and with a window only j > p - window.
struct AttentionOptions {
  uint32_t heads = 0;
  float scale = 0;
  uint32_t window = 0;             // 0: unbounded
  float softcap = 0;               // s = cap * tanh(s / cap) before the mask; 0: none
  const float* sinks = nullptr;    // one extra logit per head that takes part in the softmax only; or none
};

// Which experts a row goes to. Scores are softmax(logits) or sigmoid(logits); the `active` best are taken (ties: lower
// index), renormalized to sum 1 if asked, multiplied by `scale`.
struct RouterOptions {
  enum class Score : uint8_t { kSoftmax, kSigmoid } score = Score::kSoftmax;
  uint32_t active = 0;
  bool renormalize = true;
  float scale = 1;
};
struct Route {
  uint32_t expert;
  float weight;
};

struct ExpertOptions {
  uint32_t active = 0;             // routes per row
  Activation activation = Activation::kSilu;
  bool accumulate = false;         // out += instead of out =
};

// Of a row x: softmax(x)[i] = exp(x[i] - largest) / sum. The sum is NaN where x holds an infinity or no number.
struct SoftmaxSums {
  float largest;
  double sum;
};

// One expert's feed-forward: down · (activation(gate · x) * (up · x)), gate_up as MatmulOptions::gated wants it.
struct Expert {
  const Weight* gate_up;
  const Weight* down;
};

}  // namespace hearth::ops
