// From scores to weights, part after part of a run of the context: what attention over vectors (attention.inl.h) and through tiles
// (tile_attention.inl.h) have in common. Written once over Simd.

constexpr unsigned kPartTiles = kAttentionPart / kKvTile;

constexpr unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }
constexpr unsigned most(unsigned a, unsigned b) { return a > b ? a : b; }

// The tokens of a part that begins at `begin`, of positions [from, to).
struct Seen {
  unsigned first, end;
};
HEARTH_ALWAYS_INLINE Seen seen_of(uint32_t from, uint32_t to, uint32_t begin) {
  const unsigned end = to > begin ? to - begin : 0;
  return {from > begin ? from - begin : 0, end < kAttentionPart ? end : kAttentionPart};
}

// What all queries of a run see, which may be nothing: `end` before `first`.
HEARTH_ALWAYS_INLINE Seen seen_by_all(const AttentionRun& run, uint32_t begin) {
  return seen_of(run.from[run.queries - 1], run.to[0], begin);
}

// Up to sixteen queries and the tokens of the part that any of them sees.
struct QueryBlock {
  unsigned queries;
  unsigned first, end;        // tokens of the part
  const uint32_t *from, *to;  // positions each query sees
};

HEARTH_ALWAYS_INLINE QueryBlock block_at(const AttentionRun& run, uint32_t at, unsigned size, uint32_t begin) {
  const unsigned left = run.queries - at;
  QueryBlock block{left < size ? left : size, kAttentionPart, 0, run.from + at, run.to + at};
  for (unsigned q = 0; q < block.queries; ++q) {
    const Seen seen = seen_of(block.from[q], block.to[q], begin);
    if (seen.first >= seen.end) continue;
    block.first = seen.first < block.first ? seen.first : block.first;
    block.end = seen.end > block.end ? seen.end : block.end;
  }
  return block;
}

// One query's scores, scaled, capped and masked; returns the largest.
HEARTH_ALWAYS_INLINE float finish_scores(float* scores, Seen seen, F factor, float cap) {
  const F outside = Simd::set1(-__builtin_inff());
  F largest = outside;
  HEARTH_UNROLL
  for (unsigned j = 0; j < kPartTiles; ++j) {
    F s = Simd::mul(Simd::load(scores + 16 * j), factor);
    if (cap != 0) s = capped(s, Simd::set1(cap));
    const unsigned before = seen.first > 16 * j ? (seen.first - 16 * j < 16 ? seen.first - 16 * j : 16) : 0;
    const unsigned through = seen.end > 16 * j ? (seen.end - 16 * j < 16 ? seen.end - 16 * j : 16) : 0;
    if (before > 0 || through < 16) s = Simd::first_else(before, outside, Simd::first_else(through, s, outside));
    Simd::store(scores + 16 * j, s);
    largest = Simd::max(largest, s);
  }
  return Simd::largest(largest);
}

// Turns a block's scores into weights exp(score - top), and says in keep what earlier parts must be multiplied with. Queries
// that see nothing of the part keep what they have and get weights of zero.
HEARTH_ALWAYS_INLINE void weigh(float* scores, const QueryBlock& block, uint32_t begin, float scale, float cap, float* top,
                                float* sums, float* keep) {
  alignas(64) float falls[16] = {};  // of the top: old less new
  bool sees[16] = {};
  for (unsigned q = 0; q < block.queries; ++q) {
    const Seen seen = seen_of(block.from[q], block.to[q], begin);
    sees[q] = seen.first < seen.end;
    if (!sees[q]) continue;
    const float largest = finish_scores(scores + q * kAttentionPart, seen, Simd::set1(scale), cap);
    const float highest = largest > top[q] ? largest : top[q];
    falls[q] = top[q] - highest;
    top[q] = highest;
  }
  Simd::store(keep, exp(Simd::load(falls)));
  for (unsigned q = 0; q < block.queries; ++q) {
    float* weights = scores + q * kAttentionPart;
    if (!sees[q]) {
      __builtin_memset(weights, 0, kAttentionPart * sizeof(float));
      continue;
    }
    F sum = Simd::mul(Simd::load(sums + 16 * q), Simd::set1(keep[q]));
    HEARTH_UNROLL
    for (unsigned j = 0; j < kPartTiles; ++j) {
      const F weight = exp(Simd::sub(Simd::load(weights + 16 * j), Simd::set1(top[q])));
      Simd::store(weights + 16 * j, weight);
      sum = Simd::add(sum, weight);
    }
    Simd::store(sums + 16 * q, sum);
  }
}
