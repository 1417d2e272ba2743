// Products of float panels, written once over Simd: even and odd inputs in two sums, added at the end, whatever the tile of rows
// and whether weights were widened beforehand.

using F = Simd::F;
using I = Simd::I;

struct TwoSums {
  F even, odd;
};

template <class V>
HEARTH_ALWAYS_INLINE F even_input(const FloatBlock<V>* weights, unsigned i) { return Simd::load(weights[i].values); }
template <class V>
HEARTH_ALWAYS_INLINE F odd_input(const FloatBlock<V>* weights, unsigned i) { return Simd::load(weights[i].values); }
HEARTH_ALWAYS_INLINE F even_input(const Bf16Pair* weights, unsigned i) { return Simd::bf16_even(Simd::iload(weights + i / 2)); }
HEARTH_ALWAYS_INLINE F odd_input(const Bf16Pair* weights, unsigned i) { return Simd::bf16_odd(Simd::iload(weights + i / 2)); }

// Asks for a line of each of the rows that come next: a row's step is too short for the processor to foresee the one after it. Fewer
// than four rows it has time for.
template <unsigned kRows>
HEARTH_ALWAYS_INLINE void fetch_line(const FloatStep* next, unsigned i) {
  if constexpr (kRows < 4) return;
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) __builtin_prefetch(next[r].values + i);
}

// Inputs [first, end) of a step; first is even. ahead: weights to ask for meanwhile, as many; null: none.
template <unsigned kRows, class L>
HEARTH_ALWAYS_INLINE void float_inputs(const L* weights, const L* ahead, unsigned first, unsigned end, const FloatStep* x, TwoSums* sums) {
  F even[kRows], odd[kRows];
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) even[r] = sums[r].even, odd[r] = sums[r].odd;
  unsigned i = first;
  for (; i + 1 < end; i += 2) {
    if (i % 16 == 0) fetch_line<kRows>(x + kRows, i);
    if (ahead != nullptr) fetch<sizeof(L) * 2 / L::kInputs>(ahead + i / L::kInputs);
    const F w0 = even_input(weights, i);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) even[r] = Simd::fma(w0, Simd::set1(x[r].values[i]), even[r]);
    const F w1 = odd_input(weights, i + 1);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) odd[r] = Simd::fma(w1, Simd::set1(x[r].values[i + 1]), odd[r]);
  }
  if (i < end) {
    const F w = even_input(weights, i);
    HEARTH_UNROLL
    for (unsigned r = 0; r < kRows; ++r) even[r] = Simd::fma(w, Simd::set1(x[r].values[i]), even[r]);
  }
  HEARTH_UNROLL
  for (unsigned r = 0; r < kRows; ++r) sums[r] = {even[r], odd[r]};
}

template <unsigned kRows, class L>
HEARTH_ALWAYS_INLINE void float_tiles(const L* weights, const L* ahead, unsigned inputs, const FloatStep* x, unsigned rows, TwoSums* sums) {
  for (; rows >= kRows; rows -= kRows, x += kRows, sums += kRows) {
    float_inputs<kRows>(weights, ahead, 0, inputs, x, sums);
    ahead = nullptr;  // asked for once
  }
  constexpr unsigned kLess = kRows > 8 ? 8 : kRows / 2;
  if constexpr (kLess > 0) float_tiles<kLess>(weights, ahead, inputs, x, rows, sums);
}

// One row times two panels by turns of a kilobyte, as integer_product_by_turns.
template <class L>
void float_product_by_turns(const PanelProduct& p) {
  constexpr unsigned kTurn = 1024 / sizeof(L) * L::kInputs;
  const L* weights[2] = {reinterpret_cast<const L*>(p.panel), reinterpret_cast<const L*>(p.second)};
  TwoSums sums[2] = {{Simd::zero(), Simd::zero()}, {Simd::zero(), Simd::zero()}};
  const FloatStep* x = p.floats;
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride) {
    const unsigned inputs = p.columns - input < kStepInputs ? p.columns - input : kStepInputs;
    for (unsigned i = 0; i < inputs; i += kTurn) {
      const unsigned end = i + kTurn < inputs ? i + kTurn : inputs;
      HEARTH_UNROLL
      for (unsigned k = 0; k < 2; ++k) float_inputs<1, L>(weights[k], nullptr, i, end, x, &sums[k]);
    }
    for (const L*& of_step : weights) of_step += kStepInputs / L::kInputs;
  }
  Simd::store(p.out, Simd::add(sums[0].even, sums[0].odd));
  Simd::store(p.second_out, Simd::add(sums[1].even, sums[1].odd));
}

template <class L>
void float_product(const PanelProduct& p) {
  if (p.second != nullptr) return float_product_by_turns<L>(p);
  constexpr bool kNarrow = sizeof(L) / L::kInputs < sizeof(FloatBlock<float>);
  constexpr unsigned kStepBlocks = kStepInputs / L::kInputs;
  TwoSums sums[kRowsAtOnce];
  alignas(64) FloatBlock<float> wide[kNarrow ? kStepInputs : 1];
  for (unsigned r = 0; r < p.rows; ++r) sums[r] = {Simd::zero(), Simd::zero()};
  const L* weights = reinterpret_cast<const L*>(p.panel);
  const FloatStep* x = p.floats;
  for (unsigned input = 0; input < p.columns; input += kStepInputs, x += p.step_stride, weights += kStepBlocks) {
    const unsigned inputs = p.columns - input < kStepInputs ? p.columns - input : kStepInputs;
    if constexpr (kNarrow) {
      if (p.unpack) {
        fetch<sizeof(L) * kStepBlocks>(weights + kStepBlocks);
        for (unsigned i = 0; i < inputs; ++i)
          Simd::store(wide[i].values, i % 2 == 0 ? even_input(weights, i) : odd_input(weights, i));
        float_tiles<Simd::kFloatRows, FloatBlock<float>>(wide, nullptr, inputs, x, p.rows, sums);
        continue;
      }
    }
    float_tiles<Simd::kFloatRows>(weights, p.fetch_steps != 0 || p.unpack ? weights + kStepBlocks : nullptr, inputs, x, p.rows, sums);
  }
  for (unsigned r = 0; r < p.rows; ++r) Simd::store(p.out + 16 * r, Simd::add(sums[r].even, sums[r].odd));
}
