// The amx kernels: integer panels for many rows and bf16 panels through tiles, everything else as by avx512.
#include "ops/cpu/isa/amx/tiles.h"
#include "ops/cpu/isa/avx512/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"

namespace hearth::ops::cpu::amx {

struct Simd : avx512::Simd {
  static HEARTH_ALWAYS_INLINE void store_bf16(Bf16* p, F v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }
};

#include "ops/cpu/kernels/codes.inl.h"
#include "ops/cpu/kernels/integer_product.inl.h"
#include "ops/cpu/kernels/split_bf16.inl.h"
#include "ops/cpu/kernels/tile_product.inl.h"

extern const ProductTable kProducts;
constinit const ProductTable kProducts = tile_products(Layouts{}, &split_bf16);

}  // namespace hearth::ops::cpu::amx
