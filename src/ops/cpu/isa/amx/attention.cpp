// Attention of the table amx: through tiles, for one query and for many.
#include <iterator>
#include <utility>

#include "ops/cpu/isa/amx/tiles.h"
#include "ops/cpu/isa/avx512_bf16/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/kv/all.h"

namespace hearth::ops::cpu::amx {

using Simd = avx512_bf16::Simd;

#include "ops/cpu/kernels/math.inl.h"
#include "ops/cpu/kernels/attention_weights.inl.h"
#include "ops/cpu/kernels/tile_pieces.inl.h"
#include "ops/cpu/kernels/tile_attention.inl.h"

extern const AttentionKernels kAttention;
constinit const AttentionKernels kAttention{.room = &attention_room, .pack = &pack_queries, .run = &attend};

}  // namespace hearth::ops::cpu::amx
