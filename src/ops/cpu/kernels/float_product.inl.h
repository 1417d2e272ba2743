// Products of float panels, written once over Simd: even and odd inputs in two sums, added at the end, whatever the tile of rows
// and whether weights were widened beforehand.

using F = Simd::F;

struct TwoSums {
  F even, odd;
};

template <unsigned kRows, class V>
HEARTH_ALWAYS_INLINE void float_step(const V* weights, unsigned inputs, const FloatStep* x, TwoSums* sums) {
  F even[kRows], odd[kRows];
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) even[r] = sums[r].even, odd[r] = sums[r].odd;
  unsigned i = 0;
  for (; i + 1 < inputs; i += 2) {
    const F w0 = Simd::load(weights + 16 * i);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) even[r] = Simd::fma(w0, Simd::set1(x[r].values[i]), even[r]);
    const F w1 = Simd::load(weights + 16 * i + 16);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) odd[r] = Simd::fma(w1, Simd::set1(x[r].values[i + 1]), odd[r]);
  }
  if (i < inputs) {
    const F w = Simd::load(weights + 16 * i);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) even[r] = Simd::fma(w, Simd::set1(x[r].values[i]), even[r]);
  }
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) sums[r] = {even[r], odd[r]};
}

template <unsigned kRows, class V>
HEARTH_ALWAYS_INLINE void float_tiles(const V* weights, unsigned inputs, const FloatStep* x, unsigned rows, TwoSums* sums) {
  for (; rows >= kRows; rows -= kRows, x += kRows, sums += kRows) float_step<kRows>(weights, inputs, x, sums);
  constexpr unsigned kLess = kRows > 8 ? 8 : kRows / 2;
  if constexpr (kLess > 0) float_tiles<kLess>(weights, inputs, x, rows, sums);
}

template <class V>
void float_product(const PanelProduct& p) {
  constexpr size_t kStepValues = 16 * kStepInputs;
  TwoSums sums[kRowsAtOnce];
  alignas(64) float wide[sizeof(V) < sizeof(float) ? kStepValues : 1];
  for (unsigned r = 0; r < p.rows; ++r) sums[r] = {Simd::zero(), Simd::zero()};
  const V* weights = reinterpret_cast<const V*>(p.panel);
  const FloatStep* x = p.floats;
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride, weights += kStepValues) {
    const unsigned inputs = p.columns - input < kStepInputs ? p.columns - input : kStepInputs;
    if (p.fetch_steps != 0 || p.unpack)
      for (size_t i = 0; i < kStepValues; i += 64 / sizeof(V)) __builtin_prefetch(weights + kStepValues + i, 0, 2);
    if constexpr (sizeof(V) < sizeof(float)) {
      if (p.unpack) {
        for (unsigned i = 0; i < 16 * inputs; i += 16) Simd::store(wide + i, Simd::load(weights + i));
        float_tiles<Simd::kFloatRows>(wide, inputs, x, p.rows, sums);
        continue;
      }
    }
    float_tiles<Simd::kFloatRows>(weights, inputs, x, p.rows, sums);
  }
  for (unsigned r = 0; r < p.rows; ++r) Simd::store(p.out + 16 * r, Simd::add(sums[r].even, sums[r].odd));
}
