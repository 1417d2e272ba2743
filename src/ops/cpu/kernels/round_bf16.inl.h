// Activations rounded to bf16, to nearest even, or split in two such numbers; written once over Simd. What is subnormal becomes 0, infinities
// and NaN stay in one number, and are no number in two.

using F = Simd::F;

void round_bf16(const float* x, uint32_t columns, Bf16Step* first, size_t step_stride) {
  for (uint32_t input = 0; input < columns; input += kStepInputs, first += step_stride)
    for (uint32_t i = 0; i < kStepInputs; i += 16) {
      const uint32_t at = input + i, left = at < columns ? columns - at : 0;
      Simd::store_bf16(first->values + i, left >= 16 ? Simd::load(x + at) : Simd::load_partial(x + at, left));
    }
}

void split_bf16(const float* x, uint32_t columns, SplitStep* first, size_t step_stride) {
  for (uint32_t input = 0; input < columns; input += kStepInputs, first += step_stride)
    for (uint32_t i = 0; i < kStepInputs; i += 16) {
      const uint32_t at = input + i, left = at < columns ? columns - at : 0;
      const F v = left >= 16 ? Simd::load(x + at) : Simd::load_partial(x + at, left);
      Simd::store_bf16(first->high + i, v);
      Simd::store_bf16(first->low + i, Simd::sub(v, Simd::load(first->high + i)));
    }
}
