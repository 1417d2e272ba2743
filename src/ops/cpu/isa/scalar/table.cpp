// The scalar kernels of single rows, and the table of all scalar kernels.
#include "base/cpu_info.h"
#include "ops/cpu/isa/scalar/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/kv/all.h"

namespace hearth::ops::cpu {

namespace scalar {

#include "ops/cpu/kernels/math.inl.h"
#include "ops/cpu/kernels/rows.inl.h"
#include "ops/cpu/kernels/attention_weights.inl.h"
#include "ops/cpu/kernels/attention_products.inl.h"
#include "ops/cpu/kernels/attention.inl.h"

extern const ProductTable kProducts;  // products.cpp

}  // namespace scalar

extern const KernelTable kScalar;
constinit const KernelTable kScalar{
    .isa = "scalar",
    .needs = 0,
    .products = &scalar::kProducts,
    .quantize = &scalar::quantize,
    .norm = &scalar::norm,
    .rope = &scalar::rope,
    .gated = &scalar::gated,
    .add = &scalar::add,
    .scale = &scalar::scale,
    .softcap = &scalar::softcap,
    .softmax_sums = &scalar::softmax_sums,
    .put = scalar::kPut,
    .attention = {.room = &scalar::attention_room, .pack = &scalar::pack_queries, .run = &scalar::attend},
    .merge = &scalar::merge,
    .short_conv = &scalar::short_conv,
};

}  // namespace hearth::ops::cpu
