// The scalar kernels of panel products.
#include "ops/cpu/isa/scalar/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/cpu/kernels/fetch.h"

namespace hearth::ops::cpu::scalar {

#include "ops/cpu/kernels/products.inl.h"

extern const ProductTable kProducts;
constinit const ProductTable kProducts = products(Layouts{});

}  // namespace hearth::ops::cpu::scalar
