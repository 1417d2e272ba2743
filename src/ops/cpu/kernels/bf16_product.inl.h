// Products of bf16 panels with activations rounded to bf16, written once over Simd: dot products of pairs, as both lie in memory.
// Even and odd pairs in two sums, added at the end, whatever the tile of rows: one row alone needs independent sums to hide the
// latency of additions.

using F = Simd::F;
using I = Simd::I;

struct PairSums {
  F even, odd;
};

template <unsigned kRows>
HEARTH_ALWAYS_INLINE void bf16_step(const Bf16Pair* weights, const Bf16Pair* ahead, unsigned pairs, const Bf16Step* x, PairSums* sums) {
  F even[kRows], odd[kRows];
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) even[r] = sums[r].even, odd[r] = sums[r].odd;
  unsigned p = 0;
  for (; p + 1 < pairs; p += 2) {
    if (ahead != nullptr) fetch<2 * sizeof(Bf16Pair)>(ahead + p);
    const I w0 = Simd::iload(weights + p);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) even[r] = Simd::dot_bf16(even[r], w0, Simd::broadcast4(x[r].values + 2 * p));
    const I w1 = Simd::iload(weights + p + 1);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) odd[r] = Simd::dot_bf16(odd[r], w1, Simd::broadcast4(x[r].values + 2 * p + 2));
  }
  if (p < pairs) {
    const I w = Simd::iload(weights + p);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) even[r] = Simd::dot_bf16(even[r], w, Simd::broadcast4(x[r].values + 2 * p));
  }
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) sums[r] = {even[r], odd[r]};
}

template <unsigned kRows>
HEARTH_ALWAYS_INLINE void bf16_tiles(const Bf16Pair* weights, const Bf16Pair* ahead, unsigned pairs, const Bf16Step* x, unsigned rows,
                                     PairSums* sums) {
  for (; rows >= kRows; rows -= kRows, x += kRows, sums += kRows) {
    bf16_step<kRows>(weights, ahead, pairs, x, sums);
    ahead = nullptr;  // asked for once
  }
  constexpr unsigned kLess = kRows > 8 ? 8 : kRows / 2;
  if constexpr (kLess > 0) bf16_tiles<kLess>(weights, ahead, pairs, x, rows, sums);
}

void bf16_product(const PanelProduct& p) {
  constexpr unsigned kStepPairs = kStepInputs / 2;
  PairSums sums[kRowsAtOnce];
  for (unsigned r = 0; r < p.rows; ++r) sums[r] = {Simd::zero(), Simd::zero()};
  const auto* weights = reinterpret_cast<const Bf16Pair*>(p.panel);
  const Bf16Step* x = p.bf16;
  for (unsigned left = (p.columns + 1) / 2; left > 0; x += p.step_stride, weights += kStepPairs) {
    const unsigned pairs = left < kStepPairs ? left : kStepPairs;
    const Bf16Pair* ahead = p.fetch_steps != 0 || p.unpack ? weights + kStepPairs : nullptr;
    bf16_tiles<Simd::kFloatRows>(weights, ahead, pairs, x, p.rows, sums);
    left -= pairs;
  }
  for (unsigned r = 0; r < p.rows; ++r) Simd::store(p.out + 16 * r, Simd::add(sums[r].even, sums[r].odd));
}
