// Attention through tiles (AMX), written once over Simd, Tiles and the KV types; included after attention_weights.inl.h and
// tile_pieces.inl.h.
//
// Tiles multiply bf16 and sum in f32. So numbers are split: into the nearest number of bf16, the one nearest to what it leaves, and
// so on, with eight to nine bits each. Queries and keys are as many pieces as their product needs for what the cache's type can tell
// apart, three each in f32; weights and values two. Products of pieces that are smaller than what is left out anyway are left out. A
// row of a tile is one query, whose result does not depend on the other rows: one token that is generated and a prompt's queries get
// the same bits.
//
// Two tiles of rows meet two of columns: each tile that is loaded is multiplied twice. What a loop passes over again and again, keys
// of 32 tokens or values of 32 dimensions and the rows of two tiles, fits the first-level cache.
//
// Tiles read pairs of inputs. Which two make a pair is free as long as both operands agree: here number i of 32 and number i + 16,
// for then vectors pair up lane by lane.

constexpr unsigned kTileQueries = 16, kQueryPieces = 3, kMixPieces = 2;
constexpr unsigned kBlocksAtOnce = 8;  // of kTileQueries, that pass over a part together

constexpr size_t kScoreBytes = kAttentionPart * sizeof(float);  // of a query, in a part

// Of a key in the cache: bf16 and fp8-e4m3 are one bf16; f16 and a 4-bit code times its scale two; q8_0 and q5_1 nearly so.
template <class Type>
constexpr unsigned kKeyPieces = 2;
template <>
constexpr unsigned kKeyPieces<kv::Bf16> = 1;
template <>
constexpr unsigned kKeyPieces<kv::Fp8E4m3> = 1;
template <>
constexpr unsigned kKeyPieces<kv::F32> = 3;
template <class Type>
constexpr unsigned kValuePieces = kKeyPieces<Type> < kMixPieces ? kKeyPieces<Type> : kMixPieces;
// Whether so many pieces are all of such a number. The types that are single numbers fit into their keys' pieces, blocks may not.
template <class Type, unsigned kPieces>
constexpr bool kHoldAll = Type::kValues == 1 && kPieces == kKeyPieces<Type>;

// Of a query that meets such keys: what a third piece would add is far less than what the type has rounded away.
template <class Type>
constexpr unsigned kPiecesForKeys = kKeyPieces<Type> == 3 ? 3 : 2;

constexpr unsigned tiles_of(unsigned inputs) { return (inputs + 31) / 32; }

// --- queries: tiles of sixteen queries by 32 dimensions ---------------------------------------------------------------------

uint32_t attention_room(uint32_t queries) { return (queries + kTileQueries - 1) / kTileQueries * kTileQueries; }

void pack_queries(const float* const* queries, uint32_t count, uint32_t dim, float* out) {
  auto* tile = reinterpret_cast<std::byte*>(out);
  const auto some = [&](uint32_t q, uint32_t first) HEARTH_LAMBDA {
    if (q >= count || first >= dim) return Simd::zero();
    return Simd::load_partial(queries[q] + first, dim - first < 16 ? dim - first : 16);
  };
  for (uint32_t at = 0; at < count; at += kTileQueries)
    for (uint32_t first = 0; first < dim; first += 32, tile += kQueryPieces * kTileBytes)
      for (unsigned row = 0; row < kTileQueries; ++row)
        store_pieces<kQueryPieces>(tile + 64 * row, kTileBytes, some(at + row, first), some(at + row, first + 16));
}

// --- keys: tiles of 32 dimensions by sixteen tokens -------------------------------------------------------------------------

// `next`: the same tile of the part to come, fetched ahead; or null.
template <class Type>
void split_keys(const std::byte* stored, const std::byte* next, unsigned dim, std::byte* out) {
  using Tile = typename Type::KeyTile;
  constexpr unsigned kRowBytes = 32 / Type::kValues * sizeof(Tile) / 16;  // to a pair of dimensions
  const auto* tiles = reinterpret_cast<const Tile*>(stored);
  for (unsigned first = 0; first < dim; first += 32, out += kKeyPieces<Type> * kTileBytes) {
    F scales = Simd::zero();
    if constexpr (Type::kScaled) scales = typename Type::template Keys<Simd>(tiles[first / 32]).scales();
    const auto key = [&](unsigned d) HEARTH_LAMBDA {
      if (d >= dim) return Simd::zero();
      const F number = typename Type::template Keys<Simd>(tiles[d / Type::kValues]).at(d % Type::kValues);
      return Type::kScaled ? Simd::mul(number, scales) : number;
    };
    for (unsigned i = 0; i < 16; ++i) {
      if (next != nullptr)
        for (unsigned byte = 0; byte < kRowBytes; byte += 64) __builtin_prefetch(next + (first / 2 + i) * kRowBytes + byte, 0, 2);
      store_pieces<kKeyPieces<Type>, kHoldAll<Type, kKeyPieces<Type>>>(out + 64 * i, kTileBytes, key(first + i), key(first + i + 16));
    }
  }
}

// --- values: tiles of 32 tokens by sixteen dimensions -----------------------------------------------------------------------

// Sixteen dimensions, from vector `v` on, of a tile of stored values; of single numbers, in rows, and of blocks.
template <class Type, bool kInBlocks = (Type::kValues > 1)>
struct StoredValues {
  using Number = typename Type::Block;
  const Number* rows;
  unsigned dim, first;

  HEARTH_ALWAYS_INLINE StoredValues(const std::byte* tile, unsigned dim, unsigned v)
      : rows(reinterpret_cast<const Number*>(tile)), dim(dim), first(16 * v) {}
  static HEARTH_ALWAYS_INLINE size_t offset(unsigned token, unsigned dim, unsigned v) { return (token * dim + 16 * v) * sizeof(Number); }
  HEARTH_ALWAYS_INLINE F at(unsigned token) const {
    const Number* numbers = rows + token * dim + first;
    if (dim - first >= 16) return Type::template load<Simd>(numbers);
    Number rest[16] = {};
    __builtin_memcpy(rest, numbers, (dim - first) * sizeof rest[0]);
    return Type::template load<Simd>(rest);
  }
};
template <class Type>
struct StoredValues<Type, true> {
  using Tile = typename Type::ValueTile;
  typename Type::template Values<Simd> values;
  unsigned half;
  alignas(64) float scales[16] = {};

  HEARTH_ALWAYS_INLINE StoredValues(const std::byte* tile, unsigned /*dim*/, unsigned v)
      : values(reinterpret_cast<const Tile*>(tile)[v / 2]), half(v % 2) {
    if constexpr (Type::kScaled) Simd::store(scales, values.scales());
  }
  static HEARTH_ALWAYS_INLINE size_t offset(unsigned token, unsigned /*dim*/, unsigned v) {
    return v / 2 * sizeof(Tile) + token * (sizeof(Tile) / 16);
  }
  HEARTH_ALWAYS_INLINE F at(unsigned token) const {
    const F number = values.at(token, half);
    return Type::kScaled ? Simd::mul(number, Simd::set1(scales[token])) : number;
  }
};

template <class Type, bool kAllSeen>
HEARTH_ALWAYS_INLINE void split_seen_values(const std::byte* const* stored, const std::byte* const* next, Seen seen, unsigned dim, std::byte* out) {
  using Values = StoredValues<Type>;
  const bool sees_lower = seen.first < 16, sees_upper = seen.end > 16;
  for (unsigned v = 0; 16 * v < dim; ++v, out += kValuePieces<Type> * kTileBytes) {
    const Values lower(stored[sees_lower ? 0 : 1], dim, v), upper(stored[sees_upper ? 1 : 0], dim, v);
    const auto value = [&](const Values& from, unsigned token) HEARTH_LAMBDA {
      return kAllSeen || (token >= seen.first && token < seen.end) ? from.at(token % 16) : Simd::zero();
    };
    for (unsigned i = 0; i < 16; ++i) {
      for (unsigned t = 0; t < 2; ++t)
        if (next[t] != nullptr) __builtin_prefetch(next[t] + Values::offset(i, dim, v), 0, 2);
      store_pieces<kValuePieces<Type>, kHoldAll<Type, kValuePieces<Type>>>(out + 64 * i, kTileBytes, value(lower, i), value(upper, i + 16));
    }
  }
}

// Two stored tiles, of which tokens `seen` of 32 are read; the others become zeros, for their weights are zeros and what the cache
// holds there may be no number. `next`: as for keys, of both.
template <class Type>
void split_values(const std::byte* const* stored, const std::byte* const* next, Seen seen, unsigned dim, std::byte* out) {
  if (seen.first == 0 && seen.end >= 32) split_seen_values<Type, true>(stored, next, seen, dim, out);
  else split_seen_values<Type, false>(stored, next, seen, dim, out);
}

// --- products ---------------------------------------------------------------------------------------------------------------

// scores[q * kAttentionPart + token] of one or two tiles of queries and of tokens, the columns from `tile` on.
template <unsigned kRowPieces, unsigned kPieces>
void score_pieces(const std::byte* queries, unsigned rows, const std::byte* keys, unsigned tile, unsigned columns, unsigned dim, float* scores) {
  const unsigned depth = tiles_of(dim);
  const size_t to_rows = size_t{depth} * kQueryPieces * kTileBytes, to_columns = size_t{depth} * kPieces * kTileBytes;
  keys += tile * to_columns;
  for_block(rows, columns, [&]<unsigned kRows, unsigned kColumns>() HEARTH_LAMBDA {
    const auto zero = []<int kT>(float*) HEARTH_LAMBDA { Tiles::template zero<kT>(); };
    const auto store = []<int kT>(float* to) HEARTH_LAMBDA { Tiles::template store<kT>(to, kScoreBytes); };
    float* sums = scores + tile * kKvTile;
    for_sums<kRows, kColumns>(sums, sums + 16, kTileQueries * kAttentionPart, zero);
    for (unsigned d = 0; d < depth; ++d) {
      const std::byte *q = queries + d * kQueryPieces * kTileBytes, *k = keys + d * kPieces * kTileBytes;
      add_products<kRows, kColumns, kRowPieces, kPieces>({{q, q + to_rows}, 64, kTileBytes}, {{k, k + to_columns}, 64, kTileBytes});
    }
    for_sums<kRows, kColumns>(sums, sums + 16, kTileQueries * kAttentionPart, store);
  });
}

// A part's weights, split in their place: of 32 tokens and of the other 32 the larger pieces, then what they leave.
HEARTH_ALWAYS_INLINE void split_weights(float* weights, unsigned queries) {
  for (; queries > 0; --queries, weights += kAttentionPart) {
    const F w[4] = {Simd::load(weights), Simd::load(weights + 16), Simd::load(weights + 32), Simd::load(weights + 48)};
    auto* out = reinterpret_cast<std::byte*>(weights);
    store_pieces<kMixPieces>(out, 128, w[0], w[1]);
    store_pieces<kMixPieces>(out + 64, 128, w[2], w[3]);
  }
}

// mixed += weights * values of one or two tiles of queries and of sixteen dimensions, over the part's tokens [first, end).
template <unsigned kPieces>
void mix_pieces(const float* weights, unsigned rows, const std::byte* values, unsigned vector, unsigned vectors, unsigned first, unsigned end,
                float* mixed) {
  const size_t stride = size_t{vectors} * 16, below = kTileQueries * stride;
  for_block(rows, vectors - vector, [&]<unsigned kRows, unsigned kColumns>() HEARTH_LAMBDA {
    const auto load = [&]<int kT>(float* from) HEARTH_LAMBDA { Tiles::template load<kT>(from, stride * sizeof(float)); };
    const auto store = [&]<int kT>(float* to) HEARTH_LAMBDA { Tiles::template store<kT>(to, stride * sizeof(float)); };
    for_sums<kRows, kColumns>(mixed + 16 * vector, mixed + 16 * vector + 16, below, load);
    for (unsigned half = first / 32; 32 * half < end; ++half) {
      const std::byte* w = reinterpret_cast<const std::byte*>(weights) + 64 * half;
      const std::byte* v = values + size_t{half * vectors + vector} * kPieces * kTileBytes;
      add_products<kRows, kColumns, kMixPieces, kPieces>({{w, w + kTileQueries * kScoreBytes}, kScoreBytes, 128}, {{v, v + kPieces * kTileBytes}, 64, kTileBytes});
    }
    for_sums<kRows, kColumns>(mixed + 16 * vector, mixed + 16 * vector + 16, below, store);
  });
}

// mixed *= keep, query by query. What becomes subnormal is made 0, as tiles would: how many pass over it depends on the other queries.
HEARTH_ALWAYS_INLINE void keep_mixed(float* mixed, const float* keep, unsigned queries, size_t stride) {
  for (unsigned q = 0; q < queries; ++q, mixed += stride) {
    if (keep[q] == 1) continue;
    const F factor = Simd::set1(keep[q]);
    for (size_t i = 0; i < stride; i += 16) {
      const F kept = Simd::mul(Simd::load(mixed + i), factor);
      Simd::store(mixed + i, Simd::if_less(Simd::abs(kept), Simd::set1(0x1p-126f), Simd::zero(), kept));
    }
  }
}

struct PieceKernels {
  void (*split_keys)(const std::byte*, const std::byte*, unsigned, std::byte*);
  void (*split_values)(const std::byte* const*, const std::byte* const*, Seen, unsigned, std::byte*);
  void (*score)(const std::byte*, unsigned, const std::byte*, unsigned, unsigned, unsigned, float*);
  void (*mix)(const float*, unsigned, const std::byte*, unsigned, unsigned, unsigned, unsigned, float*);
  size_t key_bytes, value_bytes;  // of 32 dimensions of sixteen tokens, and of sixteen of 32
};
template <class Type>
constexpr PieceKernels piece_kernels() {
  constexpr unsigned kKeys = kKeyPieces<Type>, kValues = kValuePieces<Type>;
  return {.split_keys = &split_keys<Type>,
          .split_values = &split_values<Type>,
          .score = &score_pieces<kPiecesForKeys<Type>, kKeys>,
          .mix = &mix_pieces<kValues>,
          .key_bytes = kKeys * kTileBytes,
          .value_bytes = kValues * kTileBytes};
}
constexpr PieceKernels kPieceKernels[] = {
#define HEARTH_KV_TYPE(name) piece_kernels<kv::name>(),
#include "ops/kv/kv_types.def"
#undef HEARTH_KV_TYPE
};

// --- a run of the context ---------------------------------------------------------------------------------------------------

// The values of tokens `seen` of a part that begins at `begin`; next(stored, tile): as for keys.
template <class Next>
HEARTH_ALWAYS_INLINE void split_part_values(const AttentionRun& run, uint32_t begin, Seen seen, Next next, std::byte* out) {
  const PieceKernels& of_values = kPieceKernels[static_cast<size_t>(run.v_type)];
  const std::byte* const* stored = run.values + (begin - run.begin) / kKvTile;
  for (unsigned half = seen.first / 32; half * 32 < seen.end; ++half) {
    const std::byte* const next_two[2] = {next(stored, 2 * half), next(stored, 2 * half + 1)};
    const Seen in_half = seen_of(begin + seen.first, begin + seen.end, begin + 32 * half);
    of_values.split_values(stored + 2 * half, next_two, in_half, run.v_dim, out + half * ((run.v_dim + 15) / 16) * of_values.value_bytes);
  }
}

// Whether a part's values of tokens `seen`, split, are finite, as their first pieces tell: if not, weights of zero do not keep them out.
HEARTH_ALWAYS_INLINE bool are_finite(const AttentionRun& run, Seen seen, const std::byte* values) {
  const size_t bytes = kPieceKernels[static_cast<size_t>(run.v_type)].value_bytes, vectors = (run.v_dim + 15) / 16;
  F zeros = Simd::zero();
  for (size_t tile = seen.first / 32 * vectors; tile < (seen.end + 31) / 32 * vectors; ++tile)
    for (unsigned row = 0; row < 16; ++row) {
      const Simd::I pairs = Simd::iload(values + tile * bytes + 64 * row);
      zeros = Simd::fma(Simd::bf16_even(pairs), Simd::zero(), zeros);
      zeros = Simd::fma(Simd::bf16_odd(pairs), Simd::zero(), zeros);
    }
  return Simd::sum(zeros) == 0;
}

// Up to kBlocksAtOnce blocks of a run's queries, and one part of its tokens, split.
struct PartOfRun {
  const AttentionRun& run;
  uint32_t at, begin;  // the first query, a multiple of kTileQueries; the first token
  const std::byte* keys;
  std::byte* values;
  bool go_together;  // queries, over all tokens that any of them sees; else one by one, each with values split anew
  float *scores, *sums;  // of query `at`
};

// Blocks [i, i + 2) as one: how many there are and what their queries see together.
struct TwoBlocks {
  unsigned rows, first, end;
};
HEARTH_ALWAYS_INLINE TwoBlocks two_at(const QueryBlock* blocks, unsigned i, unsigned count) {
  if (i + 1 == count) return {1, blocks[i].first, blocks[i].end};
  return {2, least(blocks[i].first, blocks[i + 1].first), most(blocks[i].end, blocks[i + 1].end)};
}

HEARTH_ALWAYS_INLINE void configure_tiles(const AttentionRun& run) { Tiles::configure(16, least(run.queries, kTileQueries)); }

// mixed += weights * values of each query alone: to it, values that it does not see are zeros.
void mix_one_by_one(const PartOfRun& part, unsigned queries, float* mixed) {
  const AttentionRun& run = part.run;
  const unsigned vectors = (run.v_dim + 15) / 16;
  const auto nothing_next = [](const std::byte* const*, unsigned) HEARTH_LAMBDA -> const std::byte* { return nullptr; };
  Tiles::configure(16, 1);
  for (unsigned q = 0; q < queries; ++q) {
    const Seen seen = seen_of(run.from[part.at + q], run.to[part.at + q], part.begin);
    if (seen.first >= seen.end) continue;
    split_part_values(run, part.begin, seen, nothing_next, part.values);
    for (unsigned vector = 0; vector < vectors; vector += 2)
      kPieceKernels[static_cast<size_t>(run.v_type)].mix(part.scores + size_t{q} * kAttentionPart, 1, part.values, vector, vectors, seen.first,
                                                         seen.end, mixed + size_t{q} * vectors * 16);
  }
  configure_tiles(run);
}

// All scores of 32 tokens, then those of the others; then weights; then all mixed values of 32 dimensions, then of the next.
void pass_over(const PartOfRun& part) {
  const AttentionRun& run = part.run;
  const PieceKernels& of_keys = kPieceKernels[static_cast<size_t>(run.k_type)];
  const PieceKernels& of_values = kPieceKernels[static_cast<size_t>(run.v_type)];
  const unsigned depth = tiles_of(run.k_dim), vectors = (run.v_dim + 15) / 16;
  const size_t stride = size_t{vectors} * 16;
  const auto* queries = reinterpret_cast<const std::byte*>(run.packed) + size_t{part.at} / kTileQueries * depth * kQueryPieces * kTileBytes;
  float* mixed = run.state.mixed + part.at * stride;
  QueryBlock blocks[kBlocksAtOnce];
  unsigned count = 0;
  for (; count < kBlocksAtOnce && part.at + count * kTileQueries < run.queries; ++count)
    blocks[count] = block_at(run, part.at + count * kTileQueries, kTileQueries, part.begin);

  for (unsigned tile = 0; tile < kPartTiles; tile += 2)
    for (unsigned i = 0; i < count; i += 2) {
      const TwoBlocks two = two_at(blocks, i, count);
      const unsigned first = most(tile, two.first / kKvTile), end = least(tile + 2, (two.end + kKvTile - 1) / kKvTile);
      if (two.first >= two.end || first >= end) continue;
      of_keys.score(queries + size_t{i} * depth * kQueryPieces * kTileBytes, two.rows, part.keys, first, end - first, run.k_dim,
                    part.scores + size_t{i} * kTileQueries * kAttentionPart);
    }
  for (unsigned i = 0; i < count; ++i) {
    float *weights = part.scores + size_t{i} * kTileQueries * kAttentionPart, *of_block = mixed + i * kTileQueries * stride;
    alignas(64) float keep[16];
    weigh(weights, blocks[i], part.begin, run.scale, run.softcap, run.state.top + part.at + i * kTileQueries, part.sums + 16 * i * kTileQueries, keep);
    split_weights(weights, blocks[i].queries);
    keep_mixed(of_block, keep, blocks[i].queries, stride);
  }
  if (!part.go_together) return mix_one_by_one(part, least(run.queries - part.at, kBlocksAtOnce * kTileQueries), mixed);
  for (unsigned vector = 0; vector < vectors; vector += 2)
    for (unsigned i = 0; i < count; i += 2) {
      const TwoBlocks two = two_at(blocks, i, count);
      if (two.first < two.end)
        of_values.mix(part.scores + size_t{i} * kTileQueries * kAttentionPart, two.rows, part.values, vector, vectors, two.first, two.end,
                      mixed + i * kTileQueries * stride);
    }
}

void attend(const AttentionRun& run) {
  const uint32_t room = attention_room(run.queries);
  const unsigned depth = tiles_of(run.k_dim), vectors = (run.v_dim + 15) / 16;
  float *sums = run.scratch, *scores = sums + size_t{room} * 16;  // (room, 16) and (room, kAttentionPart)
  const PieceKernels& of_keys = kPieceKernels[static_cast<size_t>(run.k_type)];
  auto* keys = reinterpret_cast<std::byte*>(scores + size_t{room} * kAttentionPart);  // (kPartTiles, depth) tiles
  std::byte* values = keys + kPartTiles * depth * of_keys.key_bytes;                  // (2, vectors)
  for (uint32_t q = 0; q < run.queries; ++q) run.state.top[q] = -__builtin_inff();
  __builtin_memset(sums, 0, size_t{room} * 16 * sizeof(float));
  __builtin_memset(run.state.mixed, 0, size_t{room} * vectors * 16 * sizeof(float));

  configure_tiles(run);
  for (uint32_t begin = run.first / kAttentionPart * kAttentionPart; begin < run.end; begin += kAttentionPart) {
    const Seen seen = seen_of(run.first, run.end, begin);
    const std::byte* const* stored_keys = run.keys + (begin - run.begin) / kKvTile;
    const auto next = [&](const std::byte* const* stored, unsigned t) HEARTH_LAMBDA {
      const bool fetches = run.queries <= kTileQueries && begin + (kPartTiles + t) * kKvTile < run.known_end;
      return fetches ? stored[kPartTiles + t] : nullptr;
    };
    for (unsigned t = seen.first / kKvTile; t * kKvTile < seen.end; ++t)
      of_keys.split_keys(stored_keys[t], next(stored_keys, t), run.k_dim, keys + t * depth * of_keys.key_bytes);
    split_part_values(run, begin, seen, next, values);
    const Seen common = seen_by_all(run, begin);
    const bool go_together = (common.first <= seen.first && common.end >= seen.end) || are_finite(run, seen, values);
    for (uint32_t at = 0; at < run.queries; at += kBlocksAtOnce * kTileQueries)
      pass_over({run, at, begin, keys, values, go_together, scores + size_t{at} * kAttentionPart, sums + 16 * at});
  }
  Tiles::release();
  for (uint32_t q = 0; q < run.queries; ++q) run.state.weight[q] = Simd::sum(Simd::load(sums + 16 * q));
}
