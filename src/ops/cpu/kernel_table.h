#pragma once
// What one instruction set offers: pointers to kernels, as data. Files under isa/ fill one table each; dispatch.h chooses.
// Kernels work on one row or one panel; sharing among threads is the callers' business (matmul.cpp, attention.cpp).
#include <cstddef>
#include <cstdint>

#include "ops/cpu/packed/layouts.h"
#include "ops/kv_view.h"
#include "ops/ops.h"

namespace hearth::ops::cpu {

// Activations in 8 bits: x = scale * code, codes -127..127, one scale per group of 32 (flat layouts) or 256 (super-blocks);
// beside them the sums of 16 and of 32 codes, which carry zeros and minimums.
struct QuantizedRows {
  int8_t* codes = nullptr;     // (rows, columns)
  float* scales = nullptr;     // (rows, columns / group)
  int16_t* sums16 = nullptr;   // (rows, columns / 16)
  int16_t* sums32 = nullptr;   // (rows, columns / 32)
  uint32_t columns = 0, group = 32;

  QuantizedRows from(size_t row) const {
    return {codes + row * columns, scales + row * (columns / group), sums16 + row * (columns / 16),
            sums32 + row * (columns / 32), columns, group};
  }
};

// One panel times some rows of activations: out (rows, 16).
struct PanelProduct {
  const std::byte* panel;
  uint32_t columns;
  int32_t zero;            // of linear codes; table entries have it added as well
  const uint8_t* table;    // 16 entries, code + zero; null for linear codes
  const float* x;          // rows for float layouts
  size_t x_stride;
  QuantizedRows q;         // rows for integer layouts
  uint32_t rows;
  float* out;
};

using ProductFn = void(const PanelProduct&);
struct ProductTable {
  ProductFn* of[Layouts::kCount];  // [place in Layouts]
};

// What one query row's group of heads (those that share a kv head) keeps while it walks the context.
struct AttentionState {
  float* top;      // [head]: largest score so far
  float* weight;   // [head]: sum of exp(score - top)
  float* mixed;    // [head][v_dim]: sum of exp(score - top) * value
};

// At most kAttentionPart consecutive tokens of one kv head. Parts begin at multiples of kAttentionPart, whatever the step.
constexpr uint32_t kAttentionPart = 64;
struct AttentionPart {
  const std::byte* keys[kAttentionPart];    // one pointer per token, k_dim values each
  const std::byte* values[kAttentionPart];  // v_dim values each
  KvType k_type, v_type;
  uint32_t k_dim, v_dim;
};

struct KernelTable {
  const char* isa;
  uint32_t needs;  // bits of CpuFeature

  const ProductTable* products;

  void (*quantize)(const float* x, const QuantizedRows& row);  // one row
  void (*norm)(const float* x, float* out, uint32_t n, NormKind kind, const float* weight, const float* bias, float eps);
  void (*rope)(float* head, const float* angles, uint32_t dims, bool interleaved);
  void (*gated)(const float* gate, const float* up, float* out, uint32_t n, Activation activation);
  void (*activate)(float* x, uint32_t n, Activation activation);
  void (*add)(float* target, const float* x, uint32_t n, float scale);
  void (*scale)(float* x, uint32_t n, float factor);
  void (*softcap)(float* x, uint32_t n, float cap);
  void (*to_half)(const float* x, Fp16* out, uint32_t n);
  // Merges the part's tokens [first, end) into the state of `heads` heads, whose queries lie at q, k_dim apart.
  void (*attend)(const float* q, uint32_t heads, const AttentionPart& part, uint32_t first, uint32_t end, float scale,
                 float softcap, const AttentionState& state);
  // out[c] = c_gate[c] * sum over taps; u (taps, width) oldest first.
  void (*short_conv)(const float* u, const float* kernel, const float* bias, uint32_t taps, uint32_t width,
                     const float* c_gate, float* out);
};

}  // namespace hearth::ops::cpu
