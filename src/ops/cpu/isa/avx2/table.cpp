// The avx2 kernels of single rows, and the table of all avx2 kernels.
#include "base/cpu_info.h"
#include "ops/cpu/isa/avx2/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/kv/all.h"

namespace hearth::ops::cpu {

namespace avx2 {

#include "ops/cpu/kernels/math.inl.h"
#include "ops/cpu/kernels/rows.inl.h"
#include "ops/cpu/kernels/attention_weights.inl.h"
#include "ops/cpu/kernels/attention_products.inl.h"
#include "ops/cpu/kernels/attention.inl.h"

extern const ProductTable kProducts;  // products.cpp

}  // namespace avx2

extern const KernelTable kAvx2;
constinit const KernelTable kAvx2{
    .isa = "avx2",
    .needs = kCpuAvx2,
    .products = &avx2::kProducts,
    .quantize = &avx2::quantize,
    .norm = &avx2::norm,
    .rope = &avx2::rope,
    .gated = &avx2::gated,
    .add = &avx2::add,
    .scale = &avx2::scale,
    .softcap = &avx2::softcap,
    .softmax_sums = &avx2::softmax_sums,
    .put = avx2::kPut,
    .attention = {.room = &avx2::attention_room, .pack = &avx2::pack_queries, .run = &avx2::attend},
    .merge = &avx2::merge,
    .short_conv = &avx2::short_conv,
};

}  // namespace hearth::ops::cpu
