#pragma once
// What one instruction set offers: pointers to kernels, as data. Files under isa/ fill one table each; dispatch.h chooses.
// Kernels work on one row or one panel; sharing among threads is the callers' business (matmul.cpp, attention.cpp).
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "ops/cpu/packed/layouts.h"
#include "ops/kv_view.h"
#include "ops/ops.h"

namespace hearth::ops::cpu {

constexpr uint32_t kStepInputs = 256;  // inputs that kernels take at a time; the last step of a row may hold fewer

// Activations of one row and one step. Records of a matrix lie step after step, and row after row within a step: a tile of
// rows reads consecutive records at fixed distances, whatever the width of the matrix, and distances that are no power of two
// do not compete for the same cache sets.
//
// In 8 bits: x = scale * code, codes -127..127, one scale per 32 inputs (flat layouts) or one per step (super-blocks).
// Sums of codes carry zeros and minimums. Records are whole lines: a tile of AMX reads two for each row that crosses one.
struct alignas(64) QuantizedStep {
  int8_t codes[kStepInputs];
  int16_t sums16[16];  // of 16 codes
  union {
    float scales[8];
    struct {
      int16_t sums32[8];  // of 32 codes
      float scale;
    } whole;              // of a step with one scale
  };
};
static_assert(sizeof(QuantizedStep) == 320);

struct alignas(64) FloatStep {
  float values[kStepInputs];
  float gap[16];
};

// Rounded to bf16: each within 2^-8 of itself. 0 past the end of a row.
struct alignas(64) Bf16Step {
  Bf16 values[kStepInputs];
  Bf16 gap[32];
};

// One panel times some rows of activations: out (rows, 16). Tiles of AMX read and write whole sixteens of rows: records past the
// last row exist (kSpareRecords), and so does room for sums, whatever they hold.
constexpr uint32_t kRowsAtOnce = 96;  // at most; their quantized records of a step fill a first-level cache
constexpr uint32_t kTileRowsAtOnce = 256;  // by tiles: weights are taken apart once for all of them
constexpr uint32_t kSpareRecords = 31;
struct PanelProduct {
  const std::byte* panel;
  uint32_t columns;
  int32_t zero;            // of linear codes; table entries have it added as well
  const uint8_t* table;    // 16 entries, code + zero; null for linear codes
  // The first row of the first step, as the layout reads it.
  const FloatStep* floats;
  const Bf16Step* bf16;
  const QuantizedStep* quantized;
  size_t step_stride;      // records from one step to the next
  uint32_t rows;
  bool unpack;             // a step's weights are unpacked in memory once for all rows, not in registers for every tile of rows
  uint32_t fetch_steps;    // without unpack: weights asked for so many steps ahead; 0: the processor foresees them better
  float* out;
  // Another panel of the same layout, or null. By tiles it shares what is read of the rows; otherwise, with one row, both are read by turns.
  const std::byte* second = nullptr;
  float* second_out = nullptr;
};

using ProductFn = void(const PanelProduct&);
struct ProductTable {
  ProductFn* of[Layouts::kCount];        // [place in Layouts]; in a table that varies another one: null where that one's serve
  // The same products, bit for bit, for many rows and two panels; null where there are none. The same function as `of`'s where
  // only tiles give these bits.
  ProductFn* by_tiles[Layouts::kCount];

  // Where bf16 panels read activations rounded to bf16: one row into its records. Null where they read floats.
  void (*round_bf16)(const float* x, uint32_t columns, Bf16Step* first, size_t step_stride);
};

// What queries keep of the context they have seen. `mixed` has rows of v_dim rounded up to sixteen.
struct AttentionState {
  float* top;      // [query]: largest score so far
  float* weight;   // [query]: sum of exp(score - top)
  float* mixed;    // (room(queries), v_dim): sum of exp(score - top) * value
};

// Queries that share a kv head (of several heads and rows), over a run of the context. Scores of kAttentionPart tokens, from
// multiples of it on, share one maximum; runs begin at such multiples and are independent of each other (merge).
constexpr uint32_t kAttentionPart = 64;
constexpr uint32_t kAttentionBlock = 16 * 32 * 3 / 2;  // floats of scratch that 32 numbers of sixteen tokens may take
constexpr uint32_t kAttentionQuery = 32 * 3 / 2;       // floats that 32 numbers of a query may take
struct AttentionRun {
  const float* packed;         // by pack
  uint32_t queries;
  const uint32_t *from, *to;   // [query]: it sees positions [from, to); neither decreases
  const std::byte *const *keys, *const *values;  // [tile] from position `begin` on
  uint32_t begin;              // a multiple of kAttentionPart
  uint32_t first, end;         // positions that any of the queries sees; no tile without one of them is read
  uint32_t known_end;          // tiles are known to here, beyond `end` as well: what comes next may be fetched ahead
  KvType k_type, v_type;
  uint32_t k_dim, v_dim;
  float scale, softcap;
  float* scratch;              // attention_scratch() of attention.cpp floats
  AttentionState state;        // written: what the queries see of this run alone
};

struct AttentionKernels {
  uint32_t (*room)(uint32_t queries);  // with the padding of tiles
  void (*pack)(const float* const* queries, uint32_t count, uint32_t dim, float* out);  // room(count) times kAttentionQuery for each 32 of dim
  void (*run)(const AttentionRun& run);
};

// Appending one token's numbers of one head to pages (ops/kv/kv_types.h).
struct KvPut {
  void (*key)(const float* x, uint32_t dim, std::byte* tile, uint32_t token);
  void (*value)(const float* x, uint32_t dim, std::byte* tile, uint32_t token);
};

struct KernelTable {
  const char* isa;
  uint32_t needs;  // bits of CpuFeature

  const ProductTable* products;

  // One row into its records; group: inputs that share a scale, 32 or 256.
  void (*quantize)(const float* x, uint32_t columns, uint32_t group, QuantizedStep* first, size_t step_stride);
  void (*norm)(const float* x, float* out, uint32_t n, const NormOptions& options);  // one group
  void (*rope)(float* head, const float* angles, uint32_t dims, bool interleaved);
  void (*gated)(const float* gate, const float* up, float* out, uint32_t n, Activation activation);
  void (*add)(float* target, const float* x, uint32_t n, float scale);
  void (*scale)(float* x, uint32_t n, float factor);
  void (*softcap)(float* x, uint32_t n, float cap);
  SoftmaxSums (*softmax_sums)(const float* x, uint32_t n);

  const KvPut* put;  // [KvType]
  AttentionKernels attention;
  void (*merge)(const AttentionState& total, const AttentionState& part, uint32_t queries, uint32_t v_dim);  // part into total

  // out[c] = c_gate[c] * sum over taps; u (taps, width) oldest first.
  void (*short_conv)(const float* u, const float* kernel, const float* bias, uint32_t taps, uint32_t width,
                     const float* c_gate, float* out);
};

}  // namespace hearth::ops::cpu
