// Attention of some query vectors over a run of the context, written once over Simd and the KV types.
//
// Lanes are sixteen tokens for scores (keys lie transposed) and sixteen dimensions for mixed values: there are no sums over
// lanes but one per query and run. Every score is one chain of multiply-adds over the dimensions, every mixed value one chain
// over the tokens; parts of kAttentionPart tokens share a maximum. So results do not depend on how many queries go together,
// and a register tile of one query and one of twelve give the same bits.

// Tokens or dimensions, in vectors, that a register tile of kQ queries takes.
template <unsigned kQ>
constexpr unsigned kTileVectors = Simd::kQuerySums / kQ >= 4 ? 4 : Simd::kQuerySums / kQ >= 2 ? 2 : 1;

constexpr unsigned kPartTiles = kAttentionPart / kKvTile;

// Tiles of a part's tokens in one KV type.
struct PartTiles {
  const std::byte* of[kPartTiles];
  const std::byte* next[kPartTiles];  // those of the next part, to be fetched ahead; or the same
  size_t row_bytes;                   // of one token, in tiles of values
};

// Pages are short runs of memory, each beginning anew for the processor's own prefetching: a line is asked for one part ahead.
template <unsigned kBytes>
HEARTH_ALWAYS_INLINE void fetch(const std::byte* p) {
  HEARTH_UNROLL
  for (unsigned line = 0; line < (kBytes + 63) / 64; ++line) __builtin_prefetch(p + 64 * line, 0, 2);
}

// scores[q * kAttentionPart + token] of the tiles [tile, tile + kT); queries (dim, kQ).
template <class Type, unsigned kQ, unsigned kT>
HEARTH_ALWAYS_INLINE void score_tiles(const float* queries, const std::byte* const* tiles, const std::byte* const* next,
                                      unsigned dim, float* scores) {
  constexpr unsigned kBytes = sizeof(typename Type::KeyTile);
  const typename Type::KeyTile* at[kT];
  F sums[kQ][kT];
  HEARTH_UNROLL
  for (unsigned t = 0; t < kT; ++t) at[t] = reinterpret_cast<const typename Type::KeyTile*>(tiles[t]);
  HEARTH_UNROLL
  for (unsigned q = 0; q < kQ; ++q) {
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) sums[q][t] = Simd::zero();
  }
  using Keys = typename Type::template Keys<Simd>;
  for (unsigned block = 0; block < dim / Type::kValues; ++block) {
    const auto fetch_ahead = [&](unsigned from) HEARTH_LAMBDA {
      HEARTH_UNROLL
      for (unsigned t = 0; t < kT; ++t) fetch<64>(next[t] + block * kBytes + from);
    };
    const auto multiply = [&](const Keys(&keys)[kT], unsigned i) HEARTH_LAMBDA {
      F key[kT];
      HEARTH_UNROLL
      for (unsigned t = 0; t < kT; ++t) key[t] = keys[t].at(i);
      HEARTH_UNROLL
      for (unsigned q = 0; q < kQ; ++q) {
        const F query = Simd::set1(queries[i * kQ + q]);
        HEARTH_UNROLL
        for (unsigned t = 0; t < kT; ++t) sums[q][t] = Simd::fma(query, key[t], sums[q][t]);
      }
    };
    const auto multiply_block = [&](const Keys(&keys)[kT]) HEARTH_LAMBDA {
      if constexpr (Type::kValues == 1) {
        fetch_ahead(0);
        return multiply(keys, 0);
      }
      constexpr unsigned kLines = (kBytes + 63) / 64;
      for (unsigned i = 0; i < Type::kValues / 2; ++i) {
        if (2 * i < kLines) fetch_ahead(64 * 2 * i); 
        multiply(keys, i);
      }
      for (unsigned i = Type::kValues / 2; i < Type::kValues; ++i) {  // high nibbles
        if (2 * (i - 16) + 1 < kLines) fetch_ahead(64 * (2 * (i - 16) + 1));
        multiply(keys, i);
      }
    };
    if constexpr (kT == 4) multiply_block({Keys(*at[0]++), Keys(*at[1]++), Keys(*at[2]++), Keys(*at[3]++)});
    else if constexpr (kT == 2) multiply_block({Keys(*at[0]++), Keys(*at[1]++)});
    else multiply_block({Keys(*at[0]++)});
    queries += kQ * Type::kValues;
  }
  HEARTH_UNROLL
  for (unsigned q = 0; q < kQ; ++q) {
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) Simd::store(scores + q * kAttentionPart + t * kKvTile, sums[q][t]);
  }
}

template <class Type, unsigned kQ>
void score(const float* queries, const PartTiles& keys, unsigned first_tile, unsigned end_tile, unsigned dim, float* scores) {
  constexpr unsigned kT = kTileVectors<kQ>;
  unsigned tile = first_tile;
  for (; tile + kT <= end_tile; tile += kT) score_tiles<Type, kQ, kT>(queries, keys.of + tile, keys.next + tile, dim, scores + tile * kKvTile);
  if constexpr (kT == 4)
    for (; tile + 2 <= end_tile; tile += 2) score_tiles<Type, kQ, 2>(queries, keys.of + tile, keys.next + tile, dim, scores + tile * kKvTile);
  if constexpr (kT >= 2)
    for (; tile < end_tile; ++tile) score_tiles<Type, kQ, 1>(queries, keys.of + tile, keys.next + tile, dim, scores + tile * kKvTile);
}

// A row from its vector `vector` on. Whole tiles of vectors begin at whole blocks, and what follows is known to the compiler.
template <class Type, unsigned kT>
HEARTH_ALWAYS_INLINE const typename Type::Block* block_of(const std::byte* row, unsigned vector) {
  const auto* blocks = reinterpret_cast<const typename Type::Block*>(row);
  return kT == 1 ? blocks : blocks + 16 * vector / Type::kValues;
}

// mixed[q * stride + ...] = mixed * keep[q] + sum over tokens [first, end) of weights[q * kAttentionPart + token] * value, for
// kT vectors of dimensions from `vector` on.
template <class Type, unsigned kQ, unsigned kT>
HEARTH_ALWAYS_INLINE void mix_vectors(const float* weights, const PartTiles& values, unsigned first, unsigned end,
                                      unsigned vector, const float* keep, float* mixed, size_t stride) {
  constexpr unsigned kVectorBytes = 16 * sizeof(typename Type::Block) / Type::kValues;
  F sums[kQ][kT];
  HEARTH_UNROLL
  for (unsigned q = 0; q < kQ; ++q) {
    const F factor = Simd::set1(keep[q]);
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) sums[q][t] = Simd::mul(Simd::load(mixed + q * stride + 16 * (vector + t)), factor);
  }
  for (unsigned tile = first / kKvTile; tile * kKvTile < end; ++tile) {
    const unsigned from = first > tile * kKvTile ? first : tile * kKvTile;
    const unsigned to = end < (tile + 1) * kKvTile ? end : (tile + 1) * kKvTile;
    const std::byte* row = values.of[tile] + from % kKvTile * values.row_bytes;
    const std::byte* ahead = values.next[tile] + from % kKvTile * values.row_bytes + vector * kVectorBytes;
    for (unsigned token = from; token < to; ++token, row += values.row_bytes, ahead += values.row_bytes) {
      fetch<kT * kVectorBytes>(ahead);
      F value[kT];
      HEARTH_UNROLL
      for (unsigned t = 0; t < kT; ++t) value[t] = Type::template values<Simd>(block_of<Type, kT>(row, vector), kT == 1 ? vector : t);
      HEARTH_UNROLL
      for (unsigned q = 0; q < kQ; ++q) {
        const F weight = Simd::set1(weights[q * kAttentionPart + token]);
        HEARTH_UNROLL
        for (unsigned t = 0; t < kT; ++t) sums[q][t] = Simd::fma(weight, value[t], sums[q][t]);
      }
    }
  }
  HEARTH_UNROLL
  for (unsigned q = 0; q < kQ; ++q) {
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) Simd::store(mixed + q * stride + 16 * (vector + t), sums[q][t]);
  }
}

template <class Type, unsigned kQ>
void mix(const float* weights, const PartTiles& values, unsigned first, unsigned end, unsigned vectors, const float* keep,
         float* mixed) {
  constexpr unsigned kT = kTileVectors<kQ>;
  const size_t stride = size_t{vectors} * 16;
  unsigned v = 0;
  for (; v + kT <= vectors; v += kT) mix_vectors<Type, kQ, kT>(weights, values, first, end, v, keep, mixed, stride);
  if constexpr (kT == 4)
    for (; v + 2 <= vectors; v += 2) mix_vectors<Type, kQ, 2>(weights, values, first, end, v, keep, mixed, stride);
  if constexpr (kT >= 2)
    for (; v < vectors; ++v) mix_vectors<Type, kQ, 1>(weights, values, first, end, v, keep, mixed, stride);
}

// Tiles in f32: keys as they lie in pages of that type, values with rows of whole vectors.
template <class Type>
void widen_keys(const std::byte* tile, unsigned dim, float* out) {
  const auto* at = reinterpret_cast<const typename Type::KeyTile*>(tile);
  for (unsigned block = 0; block < dim / Type::kValues; ++block) {
    const typename Type::template Keys<Simd> keys(at[block]);
    for (unsigned i = 0; i < Type::kValues; ++i, out += kKvTile) Simd::store(out, keys.at(i));
  }
}

template <class Type>
void widen_values(const std::byte* tile, size_t row_bytes, unsigned first, unsigned end, unsigned dim, float* out) {
  const unsigned whole = dim / 16, stride = (dim + 15) / 16 * 16;
  for (unsigned token = first; token < end; ++token) {
    const auto* row = reinterpret_cast<const typename Type::Block*>(tile + token * row_bytes);
    float* to = out + token * stride;
    for (unsigned v = 0; v < whole; ++v) Simd::store(to + 16 * v, Type::template values<Simd>(row, v));
    if constexpr (Type::kValues == 1) {
      if (dim % 16 == 0) continue;
      typename Type::Block rest[16] = {};
      __builtin_memcpy(rest, row + 16 * whole, (dim % 16) * sizeof rest[0]);
      Simd::store(to + 16 * whole, Type::template values<Simd>(rest, 0));
    }
  }
}

// Blocks of few queries read any KV type directly; with more it pays to widen a part to f32 once for all of them.
constexpr unsigned kDirectQueries = 4;
using ScoreFn = void (*)(const float*, const PartTiles&, unsigned, unsigned, unsigned, float*);
using MixFn = void (*)(const float*, const PartTiles&, unsigned, unsigned, unsigned, const float*, float*);

struct TypeKernels {
  ScoreFn score[3];  // of 1, 2 and 4 queries
  MixFn mix[3];
  void (*widen_keys)(const std::byte*, unsigned, float*);
  void (*widen_values)(const std::byte*, size_t, unsigned, unsigned, unsigned, float*);
  unsigned block_values;
  size_t block_bytes;
};
template <class Type>
constexpr TypeKernels kernels_of() {
  return {{&score<Type, 1>, &score<Type, 2>, &score<Type, 4>}, {&mix<Type, 1>, &mix<Type, 2>, &mix<Type, 4>},
          &widen_keys<Type>, &widen_values<Type>, Type::kValues, sizeof(typename Type::Block)};
}
constexpr TypeKernels kTypeKernels[] = {
#define HEARTH_KV_TYPE(name) kernels_of<kv::name>(),
#include "ops/kv/kv_types.def"
#undef HEARTH_KV_TYPE
};

// Queries of the next block when so many are left: 1, 2, 4, perhaps 8, or all that a register tile takes.
HEARTH_ALWAYS_INLINE unsigned block_queries(unsigned left) {
  return left <= 2 ? left : left <= 4 ? 4 : left <= 8 && Simd::kQueries > 8 ? 8 : Simd::kQueries;
}
constexpr unsigned kWideQueries = Simd::kQueries > 8 ? 8 : Simd::kQueries;
HEARTH_ALWAYS_INLINE ScoreFn score_of(const TypeKernels& type, unsigned queries) {
  if (queries <= kDirectQueries) return type.score[queries / 2];
  return queries == kWideQueries ? &score<kv::F32, kWideQueries> : &score<kv::F32, Simd::kQueries>;
}
HEARTH_ALWAYS_INLINE MixFn mix_of(const TypeKernels& type, unsigned queries) {
  if (queries <= kDirectQueries) return type.mix[queries / 2];
  return queries == kWideQueries ? &mix<kv::F32, kWideQueries> : &mix<kv::F32, Simd::kQueries>;
}

uint32_t attention_room(uint32_t queries) {
  uint32_t room = 0;
  while (room < queries) room += block_queries(queries - room);
  return room;
}

void pack_queries(const float* const* queries, uint32_t count, uint32_t dim, float* out) {
  for (uint32_t at = 0; at < count;) {
    const unsigned size = block_queries(count - at);
    for (uint32_t d = 0; d < dim; ++d)
      for (unsigned q = 0; q < size; ++q) *out++ = at + q < count ? queries[at + q][d] : 0;
    at += size;
  }
}

// Up to Simd::kQueries queries and the tokens of the part that any of them sees.
struct QueryBlock {
  unsigned queries, size;  // size: with padding
  unsigned first, end;     // tokens of the part
  const uint32_t *from, *to;  // positions each query sees
};

// The tokens of a part that begins at `begin`, of positions [from, to).
struct Seen {
  unsigned first, end;
};
HEARTH_ALWAYS_INLINE Seen seen_of(uint32_t from, uint32_t to, uint32_t begin) {
  const unsigned end = to > begin ? to - begin : 0;
  return {from > begin ? from - begin : 0, end < kAttentionPart ? end : kAttentionPart};
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

// Where a part's keys or values are read: their own pages, or f32 copies of the part at hand.
struct PartSource {
  const TypeKernels* stored;
  const TypeKernels* read;
  bool is_widened;
  size_t stored_row_bytes;
  PartTiles tiles;
};
HEARTH_ALWAYS_INLINE PartSource source_of(KvType type, unsigned dim, bool widens) {
  const TypeKernels& stored = kTypeKernels[static_cast<size_t>(type)];
  const size_t row_bytes = dim / stored.block_values * stored.block_bytes;
  if (!widens) return {&stored, &stored, false, row_bytes, {{}, {}, row_bytes}};
  const TypeKernels& floats = kTypeKernels[static_cast<size_t>(KvType::kF32)];
  return {&stored, &floats, true, row_bytes, {{}, {}, (dim + 15) / 16 * 16 * sizeof(float)}};
}

// Finds the tiles of a part's tokens [first, end), of which `keys` and `values` are the first; wide: room for f32 copies.
HEARTH_ALWAYS_INLINE void open_part(const AttentionRun& run, uint32_t begin, const std::byte* const* tiles, unsigned first, unsigned end,
                                    PartSource& source, bool are_keys, float* wide) {
  for (unsigned t = first / kKvTile; t * kKvTile < end; ++t) {
    source.tiles.of[t] = source.tiles.next[t] = tiles[t];
    if (begin + (kPartTiles + t) * kKvTile < run.known_end) source.tiles.next[t] = tiles[kPartTiles + t];
    if (!source.is_widened) continue;
    float* to = wide + size_t{t} * kKvTile * (are_keys ? run.k_dim : (run.v_dim + 15) / 16 * 16);
    source.tiles.of[t] = source.tiles.next[t] = reinterpret_cast<const std::byte*>(to);
    if (are_keys) {
      source.stored->widen_keys(tiles[t], run.k_dim, to);
    } else {
      const unsigned from = first > t * kKvTile ? first - t * kKvTile : 0, left = end - t * kKvTile;
      source.stored->widen_values(tiles[t], source.stored_row_bytes, from, left < kKvTile ? left : kKvTile, run.v_dim, to);
    }
  }
}

HEARTH_ALWAYS_INLINE QueryBlock block_at(const AttentionRun& run, uint32_t at, uint32_t begin) {
  const unsigned left = run.queries - at, size = block_queries(left);
  QueryBlock block{left < size ? left : size, size, kAttentionPart, 0, run.from + at, run.to + at};
  for (unsigned q = 0; q < block.queries; ++q) {
    const Seen seen = seen_of(block.from[q], block.to[q], begin);
    if (seen.first >= seen.end) continue;
    block.first = seen.first < block.first ? seen.first : block.first;
    block.end = seen.end > block.end ? seen.end : block.end;
  }
  return block;
}

void attend(const AttentionRun& run) {
  const unsigned vectors = (run.v_dim + 15) / 16;
  const size_t stride = size_t{vectors} * 16;
  const uint32_t room = attention_room(run.queries);
  float* sums = run.scratch;  // (room, 16)
  float* wide_keys = sums + size_t{room} * 16;
  float* wide_values = wide_keys + size_t{kAttentionPart} * run.k_dim;
  alignas(64) float scores[Simd::kQueries * kAttentionPart], keep[16];
  for (uint32_t q = 0; q < run.queries; ++q) run.state.top[q] = -__builtin_inff();
  __builtin_memset(sums, 0, size_t{room} * 16 * sizeof(float));
  __builtin_memset(run.state.mixed, 0, room * stride * sizeof(float));

  const bool are_many = room > kDirectQueries;
  PartSource keys = source_of(run.k_type, run.k_dim, are_many && run.k_type != KvType::kF32);
  PartSource values = source_of(run.v_type, run.v_dim, run.v_dim % 16 != 0 || (are_many && run.v_type != KvType::kF32));
  for (uint32_t begin = run.first / kAttentionPart * kAttentionPart; begin < run.end; begin += kAttentionPart) {
    const Seen part = seen_of(run.first, run.end, begin);
    const uint32_t tile = (begin - run.begin) / kKvTile;
    open_part(run, begin, run.keys + tile, part.first, part.end, keys, true, wide_keys);
    open_part(run, begin, run.values + tile, part.first, part.end, values, false, wide_values);
    uint32_t size = 0;
    for (uint32_t at = 0; at < run.queries; at += size) {
      const QueryBlock block = block_at(run, at, begin);
      size = block.size;
      if (block.first >= block.end) continue;
      score_of(*keys.read, size)(run.packed + size_t{at} * run.k_dim, keys.tiles, block.first / kKvTile,
                                 (block.end + kKvTile - 1) / kKvTile, run.k_dim, scores);
      weigh(scores, block, begin, run.scale, run.softcap, run.state.top + at, sums + 16 * at, keep);
      mix_of(*values.read, size)(scores, values.tiles, block.first, block.end, vectors, keep, run.state.mixed + at * stride);
    }
  }
  for (uint32_t q = 0; q < run.queries; ++q) run.state.weight[q] = Simd::sum(Simd::load(sums + 16 * q));
}

// total = total and part, whose tops may differ.
void merge(const AttentionState& total, const AttentionState& part, uint32_t queries, uint32_t v_dim) {
  const size_t stride = (v_dim + 15) / 16 * 16;
  for (uint32_t q = 0; q < queries; ++q) {
    const float top = part.top[q] > total.top[q] ? part.top[q] : total.top[q];
    if (part.weight[q] == 0) continue;  // saw nothing
    float falls[16] = {total.top[q] - top, part.top[q] - top}, factors[16];
    Simd::store(factors, exp(Simd::load(falls)));
    const F keep = Simd::set1(factors[0]), take = Simd::set1(factors[1]);
    for (size_t i = 0; i < stride; i += 16) {
      float* mixed = total.mixed + q * stride + i;
      Simd::store(mixed, Simd::fma(Simd::load(part.mixed + q * stride + i), take, Simd::mul(Simd::load(mixed), keep)));
    }
    total.weight[q] = total.weight[q] * factors[0] + part.weight[q] * factors[1];
    total.top[q] = top;
  }
}

// Appending to the cache.
template <class Type>
void put_key(const float* x, uint32_t dim, std::byte* tile, uint32_t token) {
  kv::put_key<Type>(x, dim, tile, token);
}
template <class Type>
void put_value(const float* x, uint32_t dim, std::byte* row) {
  kv::put_value<Type>(x, dim, row);
}
constexpr KvPut kPut[] = {
#define HEARTH_KV_TYPE(name) {&put_key<kv::name>, &put_value<kv::name>},
#include "ops/kv/kv_types.def"
#undef HEARTH_KV_TYPE
};
