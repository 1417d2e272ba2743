// The avx512 kernels of single rows, and the table of all avx512 kernels.
#include "base/cpu_info.h"
#include "ops/cpu/isa/avx512/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/kv/all.h"

namespace hearth::ops::cpu {

namespace avx512 {

#include "ops/cpu/kernels/math.inl.h"
#include "ops/cpu/kernels/rows.inl.h"
#include "ops/cpu/kernels/attention_weights.inl.h"
#include "ops/cpu/kernels/attention_products.inl.h"
#include "ops/cpu/kernels/attention.inl.h"

extern const ProductTable kProducts;  // products.cpp

}  // namespace avx512

extern const KernelTable kAvx512;
constinit const KernelTable kAvx512{
    .isa = "avx512",
    .needs = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    .products = &avx512::kProducts,
    .quantize = &avx512::quantize,
    .norm = &avx512::norm,
    .rope = &avx512::rope,
    .gated = &avx512::gated,
    .add = &avx512::add,
    .scale = &avx512::scale,
    .softcap = &avx512::softcap,
    .softmax_sums = &avx512::softmax_sums,
    .put = avx512::kPut,
    .attention = {.room = &avx512::attention_room, .pack = &avx512::pack_queries, .run = &avx512::attend},
    .merge = &avx512::merge,
    .short_conv = &avx512::short_conv,
};

}  // namespace hearth::ops::cpu
