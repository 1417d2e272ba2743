// Attention of one query row over one part of the context, written once over Simd. A part's own maximum, weights and mixed
// values are computed first and then merged into the state, so results depend on where parts begin and on nothing else.

// Dots of kHeads queries with kTokens keys, 16 in all, lane h * kTokens + t. Both operands are padded with zeros to whole
// vectors by their loads.
template <unsigned kHeads, class V>
HEARTH_ALWAYS_INLINE F key_dots(const float* q, const std::byte* const* keys, unsigned tokens, unsigned dim) {
  constexpr unsigned kTokens = 16 / kHeads;
  F acc[16];
  const V* key[kTokens];
  HEARTH_UNROLL
  for (unsigned i = 0; i < 16; ++i) acc[i] = Simd::zero();
  HEARTH_UNROLL
  for (unsigned t = 0; t < kTokens; ++t) key[t] = reinterpret_cast<const V*>(keys[t < tokens ? t : 0]);
  unsigned i = 0;
  for (; i + 16 <= dim; i += 16) {
    F query[kHeads];
    HEARTH_UNROLL
    for (unsigned h = 0; h < kHeads; ++h) query[h] = Simd::load(q + h * dim + i);
    HEARTH_UNROLL
    for (unsigned t = 0; t < kTokens; ++t) {
      const F k = Simd::load(key[t] + i);
      HEARTH_UNROLL
      for (unsigned h = 0; h < kHeads; ++h) acc[h * kTokens + t] = Simd::fma(query[h], k, acc[h * kTokens + t]);
    }
  }
  if (i < dim) {
    for (unsigned h = 0; h < kHeads; ++h)
      for (unsigned t = 0; t < kTokens; ++t)
        acc[h * kTokens + t] = Simd::fma(Simd::load_partial(q + h * dim + i, dim - i),
                                         Simd::load_partial(key[t] + i, dim - i), acc[h * kTokens + t]);
  }
  return Simd::sums(acc);
}

// scores[h * kAttentionPart + t] for t in [first, end); everything else in the part stays as it was.
template <unsigned kHeads, class V>
HEARTH_ALWAYS_INLINE void score_heads(const float* q, const AttentionPart& part, unsigned first, unsigned end, float* scores) {
  constexpr unsigned kTokens = 16 / kHeads;
  for (unsigned t = first; t < end; t += kTokens) {
    const unsigned tokens = end - t < kTokens ? end - t : kTokens;
    float lanes[16];
    Simd::store(lanes, key_dots<kHeads, V>(q, part.keys + t, tokens, part.k_dim));
    for (unsigned h = 0; h < kHeads; ++h)
      for (unsigned i = 0; i < tokens; ++i) scores[h * kAttentionPart + t + i] = lanes[h * kTokens + i];
  }
}

// Adds weights[h][t] * value[t], t ascending, for kVectors * 16 dimensions of kHeads heads; then merges into the state:
// mixed = mixed * keep + sum * take.
template <unsigned kHeads, unsigned kVectors, class V>
HEARTH_ALWAYS_INLINE void mix_vectors(const float* weights, const AttentionPart& part, unsigned first, unsigned end,
                                      unsigned dim, const float* keep, const float* take, float* mixed) {
  F acc[kHeads * kVectors];
  HEARTH_UNROLL
  for (unsigned i = 0; i < kHeads * kVectors; ++i) acc[i] = Simd::zero();
  for (unsigned t = first; t < end; ++t) {
    const V* value = reinterpret_cast<const V*>(part.values[t]) + dim;
    F v[kVectors];
    HEARTH_UNROLL
    for (unsigned j = 0; j < kVectors; ++j) v[j] = Simd::load(value + 16 * j);
    HEARTH_UNROLL
    for (unsigned h = 0; h < kHeads; ++h) {
      const F w = Simd::set1(weights[h * kAttentionPart + t]);
      HEARTH_UNROLL
      for (unsigned j = 0; j < kVectors; ++j) acc[h * kVectors + j] = Simd::fma(w, v[j], acc[h * kVectors + j]);
    }
  }
  HEARTH_UNROLL
  for (unsigned h = 0; h < kHeads; ++h) {
    HEARTH_UNROLL
    for (unsigned j = 0; j < kVectors; ++j) {
      float* to = mixed + h * part.v_dim + dim + 16 * j;
      const F old = Simd::mul(Simd::load(to), Simd::set1(keep[h]));
      Simd::store(to, Simd::fma(acc[h * kVectors + j], Simd::set1(take[h]), old));
    }
  }
}

// The last dim < 16 dimensions of one head.
template <class V>
HEARTH_ALWAYS_INLINE void mix_tail(const float* weights, const AttentionPart& part, unsigned first, unsigned end, unsigned dim,
                                   float keep, float take, float* mixed) {
  const unsigned lanes = part.v_dim - dim;
  F acc = Simd::zero();
  for (unsigned t = first; t < end; ++t)
    acc = Simd::fma(Simd::set1(weights[t]), Simd::load_partial(reinterpret_cast<const V*>(part.values[t]) + dim, lanes), acc);
  const F old = Simd::mul(Simd::load_partial(mixed + dim, lanes), Simd::set1(keep));
  Simd::store_partial(mixed + dim, Simd::fma(acc, Simd::set1(take), old), lanes);
}

template <unsigned kHeads, class V>
HEARTH_ALWAYS_INLINE void mix_heads(const float* weights, const AttentionPart& part, unsigned first, unsigned end,
                                    const float* keep, const float* take, float* mixed) {
  constexpr unsigned kVectors = 8 / kHeads < 4 ? 4 : 8 / kHeads;
  unsigned d = 0;
  for (; d + 16 * kVectors <= part.v_dim; d += 16 * kVectors)
    mix_vectors<kHeads, kVectors, V>(weights, part, first, end, d, keep, take, mixed);
  for (; d + 16 <= part.v_dim; d += 16) mix_vectors<kHeads, 1, V>(weights, part, first, end, d, keep, take, mixed);
  if (d < part.v_dim)
    for (unsigned h = 0; h < kHeads; ++h)
      mix_tail<V>(weights + h * kAttentionPart, part, first, end, d, keep[h], take[h], mixed + h * part.v_dim);
}

// Turns one head's scores into weights exp(score - top of the part), zero outside [first, end); returns top and their sum.
struct PartWeights {
  float top, sum;
};
HEARTH_ALWAYS_INLINE PartWeights weigh(float* scores, unsigned first, unsigned end, float factor, float cap) {
  constexpr unsigned kVectors = kAttentionPart / 16;
  F s[kVectors], top = Simd::set1(-__builtin_inff());
  HEARTH_UNROLL
  for (unsigned j = 0; j < kVectors; ++j) {
    s[j] = Simd::mul(Simd::load(scores + 16 * j), Simd::set1(factor));
    if (cap != 0) s[j] = capped(s[j], Simd::set1(cap));
    const unsigned before = first > 16 * j ? (first - 16 * j < 16 ? first - 16 * j : 16) : 0;
    const unsigned through = end > 16 * j ? (end - 16 * j < 16 ? end - 16 * j : 16) : 0;
    const F outside = Simd::set1(-__builtin_inff());
    s[j] = Simd::first_else(before, outside, Simd::first_else(through, s[j], outside));
    top = Simd::max(top, s[j]);
  }
  const float largest = Simd::largest(top);
  F sum = Simd::zero();
  HEARTH_UNROLL
  for (unsigned j = 0; j < kVectors; ++j) {
    const F w = exp(Simd::sub(s[j], Simd::set1(largest)));
    Simd::store(scores + 16 * j, w);
    sum = Simd::add(sum, w);
  }
  return {largest, Simd::sum(sum)};
}

template <class V>
HEARTH_ALWAYS_INLINE void score_all(const float* q, unsigned heads, const AttentionPart& part, unsigned first, unsigned end,
                                    float* scores) {
  unsigned h = 0;
  for (; h + 4 <= heads; h += 4) score_heads<4, V>(q + h * part.k_dim, part, first, end, scores + h * kAttentionPart);
  for (; h + 2 <= heads; h += 2) score_heads<2, V>(q + h * part.k_dim, part, first, end, scores + h * kAttentionPart);
  for (; h < heads; ++h) score_heads<1, V>(q + h * part.k_dim, part, first, end, scores + h * kAttentionPart);
}

template <class V>
HEARTH_ALWAYS_INLINE void mix_all(const float* weights, unsigned heads, const AttentionPart& part, unsigned first,
                                  unsigned end, const float* keep, const float* take, float* mixed) {
  unsigned h = 0;
  for (; h + 4 <= heads; h += 4)
    mix_heads<4, V>(weights + h * kAttentionPart, part, first, end, keep + h, take + h, mixed + h * part.v_dim);
  for (; h + 2 <= heads; h += 2)
    mix_heads<2, V>(weights + h * kAttentionPart, part, first, end, keep + h, take + h, mixed + h * part.v_dim);
  for (; h < heads; ++h)
    mix_heads<1, V>(weights + h * kAttentionPart, part, first, end, keep + h, take + h, mixed + h * part.v_dim);
}

HEARTH_ALWAYS_INLINE float exp_of(float x) {
  float lanes[16];
  Simd::store(lanes, exp(Simd::set1(x)));
  return lanes[0];
}

// At most kHeadsAtOnce heads: more share keys and values through the cache.
constexpr unsigned kHeadsAtOnce = 8;
void attend_some(const float* q, uint32_t heads, const AttentionPart& part, uint32_t first, uint32_t end, float factor,
                 float cap, const AttentionState& state) {
  alignas(64) float scores[kHeadsAtOnce * kAttentionPart] = {};
  float keep[kHeadsAtOnce], take[kHeadsAtOnce];
  if (part.k_type == KvType::kF32) score_all<float>(q, heads, part, first, end, scores);
  else score_all<Fp16>(q, heads, part, first, end, scores);
  for (unsigned h = 0; h < heads; ++h) {
    const PartWeights w = weigh(scores + h * kAttentionPart, first, end, factor, cap);
    const float top = w.top > state.top[h] ? w.top : state.top[h];
    keep[h] = exp_of(state.top[h] - top);
    take[h] = exp_of(w.top - top);
    state.weight[h] = state.weight[h] * keep[h] + w.sum * take[h];
    state.top[h] = top;
  }
  if (part.v_type == KvType::kF32) mix_all<float>(scores, heads, part, first, end, keep, take, state.mixed);
  else mix_all<Fp16>(scores, heads, part, first, end, keep, take, state.mixed);
}

void attend(const float* q, uint32_t heads, const AttentionPart& part, uint32_t first, uint32_t end, float factor, float cap,
            const AttentionState& state) {
  for (uint32_t h = 0; h < heads; h += kHeadsAtOnce)
    attend_some(q + size_t{h} * part.k_dim, heads - h < kHeadsAtOnce ? heads - h : kHeadsAtOnce, part, first, end, factor, cap,
                {state.top + h, state.weight + h, state.mixed + size_t{h} * part.v_dim});
}
