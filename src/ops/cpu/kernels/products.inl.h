// The list of panel products; included inside the namespace of each instruction set.
#include "ops/cpu/kernels/codes.inl.h"
#include "ops/cpu/kernels/integer_product.inl.h"
#include "ops/cpu/kernels/float_product.inl.h"

template <class L>
struct ProductOf {
  static constexpr ProductFn* kFn = &integer_product<L>;
};
template <class V>
struct ProductOf<FloatBlock<V>> {
  static constexpr ProductFn* kFn = &float_product<FloatBlock<V>>;
};
template <>
struct ProductOf<Bf16Pair> {
  static constexpr ProductFn* kFn = &float_product<Bf16Pair>;
};

template <class... L>
consteval ProductTable products(LayoutList<L...>) {
  return {.of = {ProductOf<L>::kFn...}, .by_tiles = {}, .round_bf16 = nullptr};
}
