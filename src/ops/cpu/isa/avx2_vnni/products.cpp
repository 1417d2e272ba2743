// The avx2_vnni kernels of panel products; rows are worked on as by avx2.
#include "ops/cpu/isa/avx2_vnni/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/cpu/kernels/fetch.h"

namespace hearth::ops::cpu::avx2_vnni {

#include "ops/cpu/kernels/products.inl.h"

extern const ProductTable kProducts;
constinit const ProductTable kProducts = products(Layouts{});

}  // namespace hearth::ops::cpu::avx2_vnni
