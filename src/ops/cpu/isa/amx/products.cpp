// The amx kernels: integer panels for many rows and bf16 panels through tiles, everything else but attention as by avx512.
#include <iterator>
#include <utility>

#include "ops/cpu/isa/amx/tiles.h"
#include "ops/cpu/isa/avx512_bf16/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/cpu/kernels/fetch.h"

namespace hearth::ops::cpu::amx {

using Simd = avx512_bf16::Simd;

#include "ops/cpu/kernels/codes.inl.h"
#include "ops/cpu/kernels/integer_product.inl.h"
#include "ops/cpu/kernels/round_bf16.inl.h"
#include "ops/cpu/kernels/tile_pieces.inl.h"
#include "ops/cpu/kernels/tile_product.inl.h"

extern const ProductTable kProducts;
constinit const ProductTable kProducts = tile_products(Layouts{}, &round_bf16);

}  // namespace hearth::ops::cpu::amx
