// Operations on one row at a time, written once over Simd.

template <class Body>
HEARTH_ALWAYS_INLINE void by_sixteen(uint32_t n, Body body) {  // body(first index, lanes)
  uint32_t i = 0;
  for (; i + 16 <= n; i += 16) body(i, 16u);
  if (i < n) body(i, n - i);
}
HEARTH_ALWAYS_INLINE F load(const float* p, unsigned lanes) {
  return lanes == 16 ? Simd::load(p) : Simd::load_partial(p, lanes);
}
HEARTH_ALWAYS_INLINE void store(float* p, F v, unsigned lanes) {
  if (lanes == 16) Simd::store(p, v);
  else Simd::store_partial(p, v, lanes);
}

// One group of 8-bit codes: scale = largest magnitude / 127, codes rounded to nearest. An infinity or NaN times 0 is NaN and makes the
// scale NaN, so it does not get lost.
HEARTH_ALWAYS_INLINE void quantize_group(const float* x, uint32_t inputs, uint32_t first, QuantizedStep& out) {
  F top = Simd::zero(), zeros = Simd::zero();
  for (uint32_t i = 0; i < inputs; i += 16) {
    const F v = Simd::load(x + i);
    top = Simd::max(top, Simd::abs(v));
    zeros = Simd::fma(v, Simd::zero(), zeros);
  }
  constexpr float kLeast = 4e-37f;  // below, 127 / largest would be infinite
  const float largest = Simd::largest(top) + Simd::sum(zeros);
  (inputs == 32 ? out.scales[first / 32] : out.whole.scale) = largest / 127;
  if (!(largest > kLeast)) {
    __builtin_memset(out.codes + first, 0, inputs);
    __builtin_memset(out.sums16 + first / 16, 0, inputs / 16 * sizeof out.sums16[0]);
    if (inputs != 32) __builtin_memset(out.whole.sums32 + first / 32, 0, inputs / 32 * sizeof out.whole.sums32[0]);
    return;
  }
  const F inverse = Simd::set1(127 / largest);
  for (uint32_t i = 0; i < inputs; i += 32) {
    const I low = Simd::to_int(Simd::mul(Simd::load(x + i), inverse));
    const I high = Simd::to_int(Simd::mul(Simd::load(x + i + 16), inverse));
    Simd::narrow(out.codes + first + i, low);
    Simd::narrow(out.codes + first + i + 16, high);
    const int32_t low_sum = Simd::isum(low), high_sum = Simd::isum(high);
    out.sums16[(first + i) / 16] = static_cast<int16_t>(low_sum);
    out.sums16[(first + i) / 16 + 1] = static_cast<int16_t>(high_sum);
    if (inputs != 32) out.whole.sums32[(first + i) / 32] = static_cast<int16_t>(low_sum + high_sum);
  }
}

void quantize(const float* x, uint32_t columns, uint32_t group, QuantizedStep* first, size_t step_stride) {
  for (uint32_t i = 0; i < columns; i += group)
    quantize_group(x + i, group, i % kStepInputs, first[i / kStepInputs * step_stride]);
}

void norm(const float* x, float* out, uint32_t n, const NormOptions& options) {
  const float *weight = options.weight, *bias = options.kind == NormKind::kLayer ? options.bias : nullptr;
  F sums = Simd::zero();
  float mean = 0;
  if (options.kind == NormKind::kLayer) {
    by_sixteen(n, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA { sums = Simd::add(sums, load(x + i, lanes)); });
    mean = Simd::sum(sums) / static_cast<float>(n);
    sums = Simd::zero();
  }
  const F center = Simd::set1(mean);
  by_sixteen(n, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA {
    const F d = Simd::sub(load(x + i, lanes), center);
    sums = Simd::add(sums, Simd::first_else(lanes, Simd::mul(d, d), Simd::zero()));
  });
  const F inverse = Simd::set1(1 / __builtin_sqrtf(Simd::sum(sums) / static_cast<float>(n) + options.eps));
  by_sixteen(n, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA {
    F y = Simd::mul(Simd::sub(load(x + i, lanes), center), inverse);
    if (weight) y = Simd::mul(y, load(weight + i, lanes));
    if (bias) y = Simd::add(y, load(bias + i, lanes));
    if (options.accumulate) y = Simd::add(load(out + i, lanes), y);
    store(out + i, y, lanes);
  });
}

void rope(float* head, const float* angles, uint32_t dims, bool interleaved) {
  const uint32_t half = dims / 2;
  if (interleaved) {
    for (uint32_t i = 0; i < half; ++i) {
      const float a = head[2 * i], b = head[2 * i + 1], cos = angles[i], sin = angles[half + i];
      head[2 * i] = a * cos - b * sin;
      head[2 * i + 1] = a * sin + b * cos;
    }
    return;
  }
  by_sixteen(half, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA {
    const F a = load(head + i, lanes), b = load(head + half + i, lanes);
    const F cos = load(angles + i, lanes), sin = load(angles + half + i, lanes);
    store(head + i, Simd::sub(Simd::mul(a, cos), Simd::mul(b, sin)), lanes);
    store(head + half + i, Simd::add(Simd::mul(a, sin), Simd::mul(b, cos)), lanes);
  });
}

template <Activation kKind>
HEARTH_ALWAYS_INLINE void gated_as(const float* gate, const float* up, float* out, uint32_t n) {
  by_sixteen(n, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA {
    store(out + i, Simd::mul(activation<kKind>(load(gate + i, lanes)), load(up + i, lanes)), lanes);
  });
}

void gated(const float* gate, const float* up, float* out, uint32_t n, Activation kind) {
  switch (kind) {
    case Activation::kSilu: return gated_as<Activation::kSilu>(gate, up, out, n);
    case Activation::kGeluTanh: return gated_as<Activation::kGeluTanh>(gate, up, out, n);
    case Activation::kGelu: return gated_as<Activation::kGelu>(gate, up, out, n);
    case Activation::kRelu: return gated_as<Activation::kRelu>(gate, up, out, n);
    case Activation::kRelu2: return gated_as<Activation::kRelu2>(gate, up, out, n);
  }
}

void add(float* target, const float* x, uint32_t n, float factor) {
  const F f = Simd::set1(factor);
  by_sixteen(n, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA {
    store(target + i, Simd::fma(load(x + i, lanes), f, load(target + i, lanes)), lanes);
  });
}

void scale(float* x, uint32_t n, float factor) {
  const F f = Simd::set1(factor);
  by_sixteen(n, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA { store(x + i, Simd::mul(load(x + i, lanes), f), lanes); });
}

void softcap(float* x, uint32_t n, float cap) {
  const F c = Simd::set1(cap);
  by_sixteen(n, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA { store(x + i, capped(load(x + i, lanes), c), lanes); });
}

// Sums of a run in f32, those of runs in double. What is no finite number times 0 is none either.
SoftmaxSums softmax_sums(const float* x, uint32_t n) {
  constexpr uint32_t kRun = 1024;
  const F lowest = Simd::set1(-__builtin_inff());
  F top = lowest, zeros = Simd::zero();
  by_sixteen(n, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA {
    const F v = load(x + i, lanes);
    top = Simd::max(top, Simd::first_else(lanes, v, lowest));
    zeros = Simd::fma(v, Simd::zero(), zeros);
  });
  SoftmaxSums sums{.largest = Simd::largest(top), .sum = Simd::sum(zeros)};
  const F largest = Simd::set1(sums.largest);
  for (uint32_t first = 0; first < n; first += kRun) {
    F run = Simd::zero();
    by_sixteen(n - first < kRun ? n - first : kRun, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA {
      run = Simd::add(run, Simd::first_else(lanes, exp(Simd::sub(load(x + first + i, lanes), largest)), Simd::zero()));
    });
    sums.sum += Simd::sum(run);
  }
  return sums;
}

void short_conv(const float* u, const float* kernel, const float* bias, uint32_t taps, uint32_t width, const float* c_gate,
                float* out) {
  for (uint32_t c = 0; c < width; ++c) {
    float sum = bias ? bias[c] : 0;
    for (uint32_t t = 0; t < taps; ++t) sum += kernel[c * taps + t] * u[t * width + c];
    out[c] = c_gate[c] * sum;
  }
}
