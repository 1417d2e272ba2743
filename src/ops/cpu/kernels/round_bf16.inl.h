// Activations rounded to bf16, to nearest even; written once over Simd. What is subnormal becomes 0, infinities and NaN stay.

using F = Simd::F;

void round_bf16(const float* x, uint32_t columns, Bf16Step* first, size_t step_stride) {
  for (uint32_t input = 0; input < columns; input += kStepInputs, first += step_stride)
    for (uint32_t i = 0; i < kStepInputs; i += 16) {
      const uint32_t at = input + i, left = at < columns ? columns - at : 0;
      Simd::store_bf16(first->values + i, left >= 16 ? Simd::load(x + at) : Simd::load_partial(x + at, left));
    }
}
