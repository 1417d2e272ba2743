// Activations as sums of two bf16; written once over Simd, included after integer_product.inl.h.

void split_bf16(const float* x, uint32_t columns, Bf16Step* first, size_t step_stride) {
  for (uint32_t input = 0; input < columns; input += kStepInputs, first += step_stride)
    for (uint32_t i = 0; i < kStepInputs; i += 16) {
      const uint32_t at = input + i, lanes = at >= columns ? 0 : least(16, columns - at);
      const F value = lanes == 16 ? Simd::load(x + at) : Simd::load_partial(x + at, lanes);
      Simd::store_bf16(first->high + i, value);
      Simd::store_bf16(first->low + i, Simd::sub(value, Simd::load(first->high + i)));
    }
}
