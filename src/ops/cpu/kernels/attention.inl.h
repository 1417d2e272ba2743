// Attention over vectors (through tiles: tile_attention.inl.h) of some queries and a run of the context, written once over Simd and the KV types.
//
// Lanes are sixteen tokens for scores (keys lie transposed) and sixteen dimensions for mixed values: there are no sums over
// lanes but one per query and run. Every score is one chain of multiply-adds over the dimensions, every mixed value one chain
// over the tokens; parts of kAttentionPart tokens share a maximum. So results do not depend on how many queries go together,
// and a register tile of one query and one of twelve give the same bits. Queries that go together pass over all tokens that any of them
// sees, with weights of zero for the others; where such a token's value is no finite number, queries go one by one.

// A tile in f32: as WideBlocks if its blocks leave a scale to be multiplied with, else as F32 in rows of whole vectors.
template <class Type>
using Wide = std::conditional_t<Type::kScaled, WideBlocks, kv::F32>;

template <class Type>
void widen_keys(const std::byte* tile, unsigned dim, float* out) {
  const auto* at = reinterpret_cast<const typename Type::KeyTile*>(tile);
  for (unsigned block = 0; block < dim / Type::kValues; ++block) {
    const typename Type::template Keys<Simd> keys(at[block]);
    if constexpr (Type::kScaled) {
      Simd::store(out, keys.scales());
      out += kKvTile;
    }
    for (unsigned i = 0; i < Type::kValues; ++i, out += kKvTile) Simd::store(out, keys.at(i));
  }
}

template <class Type>
void widen_values(const std::byte* tile, unsigned first, unsigned end, unsigned dim, float* out) {
  const unsigned stride = (dim + 15) / 16 * 16;
  if constexpr (Type::kValues == 1) {
    const auto* rows = reinterpret_cast<const typename Type::Block*>(tile);
    for (unsigned token = first; token < end; ++token) {
      unsigned i = 0;
      for (; i + 16 <= dim; i += 16) Simd::store(out + token * stride + i, Type::template load<Simd>(rows + token * dim + i));
      if (i == dim) continue;
      typename Type::Block rest[16] = {};
      __builtin_memcpy(rest, rows + token * dim + i, (dim - i) * sizeof rest[0]);
      Simd::store(out + token * stride + i, Type::template load<Simd>(rest));
    }
  } else {
    const auto* tiles = reinterpret_cast<const typename Type::ValueTile*>(tile);
    for (unsigned block = 0; block < dim / Type::kValues; ++block) {
      const typename Type::template Values<Simd> values(tiles[block]);
      float* to = Type::kScaled ? out + block * kWideBlock + kKvTile : out + block * Type::kValues;
      if constexpr (Type::kScaled) Simd::store(to - kKvTile, values.scales());
      for (unsigned token = first; token < end; ++token)
        for (unsigned half = 0; half < 2; ++half)
          Simd::store(to + token * (Type::kScaled ? Type::kValues : stride) + 16 * half, values.at(token, half));
    }
  }
}

// Queries of a block: 1, 2 or 4 of any type, 8 perhaps and all that a register tile takes of wide tiles.
constexpr unsigned kWideQueries = Simd::kQueries > 8 ? 8 : Simd::kQueries;
using ScoreFn = void (*)(const float*, const PartTiles&, unsigned, unsigned, unsigned, float*);
using MixFn = void (*)(const float*, const PartTiles&, unsigned, unsigned, unsigned, const float*, float*);

struct TypeKernels {
  ScoreFn score[3], wide_score[2];  // of 1, 2, 4 queries; of kWideQueries and Simd::kQueries
  MixFn mix[3], wide_mix[2];
  ScoreFn few_wide_score[3];        // of 1, 2, 4 queries where wider blocks go before
  MixFn few_wide_mix[3];
  void (*widen_keys)(const std::byte*, unsigned, float*);
  void (*widen_values)(const std::byte*, unsigned, unsigned, unsigned, float*);
  unsigned block_values;
  size_t block_bytes;
  bool is_scaled;
};
template <class Type>
constexpr TypeKernels kernels_of() {
  using W = Wide<Type>;
  return {.score = {&score<Type, 1>, &score<Type, 2>, &score<Type, 4>},
          .wide_score = {&score<W, kWideQueries>, &score<W, Simd::kQueries>},
          .mix = {&mix<Type, 1>, &mix<Type, 2>, &mix<Type, 4>},
          .wide_mix = {&mix<W, kWideQueries>, &mix<W, Simd::kQueries>},
          .few_wide_score = {&score<W, 1>, &score<W, 2>, &score<W, 4>},
          .few_wide_mix = {&mix<W, 1>, &mix<W, 2>, &mix<W, 4>},
          .widen_keys = &widen_keys<Type>,
          .widen_values = &widen_values<Type>,
          .block_values = Type::kValues,
          .block_bytes = sizeof(typename Type::Block),
          .is_scaled = Type::kScaled};
}
constexpr TypeKernels kTypeKernels[] = {
#define HEARTH_KV_TYPE(name) kernels_of<kv::name>(),
#include "ops/kv/kv_types.def"
#undef HEARTH_KV_TYPE
};

// Queries of the next block when so many are left.
HEARTH_ALWAYS_INLINE unsigned block_queries(unsigned left) {
  return left <= 2 ? left : left <= 4 ? 4 : left <= kWideQueries ? kWideQueries : Simd::kQueries;
}

uint32_t attention_room(uint32_t queries) {
  uint32_t room = 0;
  while (room < queries) room += block_queries(queries - room);
  return room;
}

// Numbers of kQ queries side by side, `stride` floats apart: turned four by four.
template <unsigned kQ>
HEARTH_ALWAYS_INLINE void pack_some(const float* const* queries, uint32_t dim, unsigned stride, float* out) {
  using Four = float __attribute__((vector_size(16)));
  uint32_t d = 0;
  for (; d + 4 <= dim; d += 4) {
    Four rows[kQ], turned[4];
    HEARTH_UNROLL
    for (unsigned q = 0; q < kQ; ++q) __builtin_memcpy(&rows[q], queries[q] + d, sizeof(Four));
    if constexpr (kQ == 4) {
      const Four low[2] = {__builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5), __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5)};
      const Four high[2] = {__builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7), __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7)};
      turned[0] = __builtin_shufflevector(low[0], low[1], 0, 1, 4, 5);
      turned[1] = __builtin_shufflevector(low[0], low[1], 2, 3, 6, 7);
      turned[2] = __builtin_shufflevector(high[0], high[1], 0, 1, 4, 5);
      turned[3] = __builtin_shufflevector(high[0], high[1], 2, 3, 6, 7);
    } else {
      turned[0] = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
      turned[1] = __builtin_shufflevector(turned[0], turned[0], 2, 3, 0, 1);
      turned[2] = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
      turned[3] = __builtin_shufflevector(turned[2], turned[2], 2, 3, 0, 1);
    }
    HEARTH_UNROLL
    for (unsigned i = 0; i < 4; ++i) __builtin_memcpy(out + (d + i) * stride, &turned[i], kQ * sizeof(float));
  }
  for (; d < dim; ++d)
    for (unsigned q = 0; q < kQ; ++q) out[d * stride + q] = queries[q][d];
}

// Where a block has more room than there are queries, the last one stands again: nobody reads what becomes of it.
void pack_queries(const float* const* queries, uint32_t count, uint32_t dim, float* out) {
  for (uint32_t at = 0; at < count;) {
    const unsigned size = block_queries(count - at);
    const float* block[Simd::kQueries];
    for (unsigned q = 0; q < size; ++q) block[q] = queries[at + q < count ? at + q : count - 1];
    if (size == 1) __builtin_memcpy(out, block[0], dim * sizeof(float));
    unsigned q = 0;
    for (; q + 4 <= size; q += 4) pack_some<4>(block + q, dim, size, out + q);
    for (; q + 2 <= size; q += 2) pack_some<2>(block + q, dim, size, out + q);
    out += size_t{size} * dim;
    at += size;
  }
}

// Where a part's keys or values are read: their own pages, or f32 copies of the part at hand.
struct PartSource {
  const TypeKernels& type;
  unsigned dim;
  bool is_widened;
  float* wide;
  PartTiles tiles;

  HEARTH_ALWAYS_INLINE PartSource(KvType kv_type, unsigned dim, bool widens, float* wide)
      : type(kTypeKernels[static_cast<size_t>(kv_type)]), dim(dim), is_widened(widens), wide(wide) {
    tiles.row_bytes = widens ? wide_floats() / kKvTile * sizeof(float) : dim / type.block_values * type.block_bytes;
  }
  HEARTH_ALWAYS_INLINE size_t wide_floats() const {  // of a tile
    return type.is_scaled ? size_t{dim} / 32 * kWideBlock : size_t{kKvTile} * ((dim + 15) / 16 * 16);
  }
  HEARTH_ALWAYS_INLINE ScoreFn score(unsigned queries) const {
    if (queries > kDirectQueries) return type.wide_score[queries != kWideQueries];
    return is_widened ? type.few_wide_score[queries / 2] : type.score[queries / 2];
  }
  HEARTH_ALWAYS_INLINE MixFn mix(unsigned queries) const {
    if (queries > kDirectQueries) return type.wide_mix[queries != kWideQueries];
    return is_widened ? type.few_wide_mix[queries / 2] : type.mix[queries / 2];
  }
};

// Finds the tiles of a part's tokens [seen.first, seen.end); `stored`: those of the part, from its first token on. Of the last
// part that is known, `after` are read next.
template <bool kAreKeys>
HEARTH_ALWAYS_INLINE void open_part(PartSource& source, const std::byte* const* stored, const std::byte* const* after, Seen seen,
                                    uint32_t known_end) {
  for (unsigned t = seen.first / kKvTile; t * kKvTile < seen.end; ++t) {
    source.tiles.of[t] = stored[t];
    source.tiles.next[t] = after[t];
    if ((kPartTiles + t) * kKvTile < known_end) source.tiles.next[t] = stored[kPartTiles + t];
    if (!source.is_widened) continue;
    float* to = source.wide + t * source.wide_floats();
    source.tiles.of[t] = source.tiles.next[t] = reinterpret_cast<const std::byte*>(to);
    const unsigned from = seen.first > t * kKvTile ? seen.first - t * kKvTile : 0, left = seen.end - t * kKvTile;
    if constexpr (kAreKeys) source.type.widen_keys(stored[t], source.dim, to);
    else source.type.widen_values(stored[t], from, left < kKvTile ? left : kKvTile, source.dim, to);
  }
}

// Whether values of tokens [first, end) of a part are finite: times weights of zero, they add up to zero. `sums`: (vectors, 16).
HEARTH_ALWAYS_INLINE bool are_finite(const PartSource& values, unsigned first, unsigned end, unsigned vectors, float* sums) {
  static constexpr float kZeros[kAttentionPart] = {};
  if (first >= end) return true;
  __builtin_memset(sums, 0, vectors * 16 * sizeof(float));
  values.mix(1)(kZeros, values.tiles, first, end, vectors, kZeros, sums);
  F total = Simd::zero();
  for (unsigned vector = 0; vector < vectors; ++vector) total = Simd::add(total, Simd::load(sums + 16 * vector));
  return Simd::sum(total) == 0;
}

void attend(const AttentionRun& run) {
  const unsigned vectors = (run.v_dim + 15) / 16;
  const size_t stride = size_t{vectors} * 16;
  const uint32_t room = attention_room(run.queries);
  float* sums = run.scratch;  // (room, 16)
  alignas(64) float scores[Simd::kQueries * kAttentionPart], keep[16];
  for (uint32_t q = 0; q < run.queries; ++q) run.state.top[q] = -__builtin_inff();
  __builtin_memset(sums, 0, size_t{room} * 16 * sizeof(float));
  __builtin_memset(run.state.mixed, 0, room * stride * sizeof(float));

  const bool are_many = room > kDirectQueries;
  float* wide_keys = sums + size_t{room} * 16;
  PartSource keys(run.k_type, run.k_dim, are_many && run.k_type != KvType::kF32, wide_keys);
  PartSource values(run.v_type, run.v_dim, run.v_dim % 16 != 0 || (are_many && run.v_type != KvType::kF32),
                    wide_keys + kPartTiles * keys.wide_floats());
  float* checked = values.wide + kPartTiles * values.wide_floats();  // attention_scratch() has room: a wide block is less than it counts
  for (uint32_t begin = run.first / kAttentionPart * kAttentionPart; begin < run.end; begin += kAttentionPart) {
    const Seen seen = seen_of(run.first, run.end, begin);
    const uint32_t tile = (begin - run.begin) / kKvTile;
    open_part<true>(keys, run.keys + tile, run.values + tile, seen, run.known_end - begin);
    open_part<false>(values, run.values + tile, run.values + tile, seen, run.known_end - begin);
    const Seen common = seen_by_all(run, begin);
    const bool go_together = are_finite(values, seen.first, least(seen.end, common.first), vectors, checked) &&
                               are_finite(values, most(seen.first, common.end), seen.end, vectors, checked);
    uint32_t size = 0;
    for (uint32_t at = 0; at < run.queries; at += size) {
      size = block_queries(run.queries - at);
      const QueryBlock block = block_at(run, at, size, begin);
      if (block.first >= block.end) continue;
      keys.score(size)(run.packed + size_t{at} * run.k_dim, keys.tiles, block.first / kKvTile,
                       (block.end + kKvTile - 1) / kKvTile, run.k_dim, scores);
      weigh(scores, block, begin, run.scale, run.softcap, run.state.top + at, sums + 16 * at, keep);
      float* mixed = run.state.mixed + at * stride;
      if (go_together) {
        values.mix(size)(scores, values.tiles, block.first, block.end, vectors, keep, mixed);
        continue;
      }
      for (unsigned q = 0; q < block.queries; ++q) {
        const Seen own = seen_of(block.from[q], block.to[q], begin);
        values.mix(1)(scores + q * kAttentionPart, values.tiles, own.first, own.end, vectors, keep + q, mixed + q * stride);
      }
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

// Appending to the cache. Numbers of f16 are rounded sixteen at a time, to the bits that Fp16::from gives.
template <class Type>
void put_key(const float* x, uint32_t dim, std::byte* tile, uint32_t token) {
  if constexpr (std::same_as<Type, kv::F16>) {
    auto* tiles = reinterpret_cast<Type::KeyTile*>(tile);
    by_sixteen(dim, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA {
      Fp16 rounded[16];
      Simd::store_partial(rounded, load(x + i, lanes), lanes);
      for (unsigned d = 0; d < lanes; ++d) tiles[i + d].numbers[token] = rounded[d];
    });
  } else {
    kv::put_key<Type>(x, dim, tile, token);
  }
}
template <class Type>
void put_value(const float* x, uint32_t dim, std::byte* tile, uint32_t token) {
  if constexpr (std::same_as<Type, kv::F16>) {
    auto* row = reinterpret_cast<Fp16*>(tile) + size_t{token} * dim;
    by_sixteen(dim, [&](uint32_t i, unsigned lanes) HEARTH_LAMBDA { Simd::store_partial(row + i, load(x + i, lanes), lanes); });
  } else {
    kv::put_value<Type>(x, dim, tile, token);
  }
}
constexpr KvPut kPut[] = {
#define HEARTH_KV_TYPE(name) {&put_key<kv::name>, &put_value<kv::name>},
#include "ops/kv/kv_types.def"
#undef HEARTH_KV_TYPE
};
