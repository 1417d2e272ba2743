// The avx512_bf16 kernels: bf16 panels meet activations rounded to bf16; everything else as by avx512.
#include "ops/cpu/isa/avx512_bf16/simd.h"
#include "ops/cpu/kernel_table.h"
#include "ops/cpu/kernels/attributes.h"
#include "ops/cpu/kernels/fetch.h"

namespace hearth::ops::cpu::avx512_bf16 {

#include "ops/cpu/kernels/round_bf16.inl.h"
#include "ops/cpu/kernels/bf16_product.inl.h"

template <class L>
constexpr ProductFn* kProductOf = nullptr;
template <>
constexpr ProductFn* kProductOf<Bf16Pair> = &bf16_product;

template <class... L>
consteval ProductTable products(LayoutList<L...>) {
  return {.of = {kProductOf<L>...}, .by_tiles = {}, .round_bf16 = &round_bf16};
}

extern const ProductTable kProducts;
constinit const ProductTable kProducts = products(Layouts{});

}  // namespace hearth::ops::cpu::avx512_bf16
