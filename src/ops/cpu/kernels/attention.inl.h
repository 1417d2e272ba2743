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

// Up to this many queries read any KV type directly; with more it pays to widen a part to f32 once for all of them.
constexpr unsigned kDirectQueries = 4;

// Blocks widened: codes and scales as floats, so that the arithmetic stays that of the type itself.
struct WideBlocks {
  static constexpr uint32_t kValues = 32;
  static constexpr bool kScaled = true;
  struct KeyTile {
    float scales[16], codes[32][16];
  };
  struct ValueTile {
    float scales[16], codes[16][32];
  };
  template <class>
  struct Keys {
    HEARTH_ALWAYS_INLINE explicit Keys(const KeyTile& tile) : tile_(&tile) {}
    HEARTH_ALWAYS_INLINE F at(uint32_t value) const { return Simd::load(tile_->codes[value]); }
    HEARTH_ALWAYS_INLINE F scales() const { return Simd::load(tile_->scales); }

   private:
    const KeyTile* tile_;
  };
  template <class>
  struct Values {
    HEARTH_ALWAYS_INLINE explicit Values(const ValueTile& tile) : tile_(&tile) {}
    HEARTH_ALWAYS_INLINE F at(uint32_t token, uint32_t half) const { return Simd::load(tile_->codes[token] + 16 * half); }
    HEARTH_ALWAYS_INLINE F scales() const { return Simd::load(tile_->scales); }

   private:
    const ValueTile* tile_;
  };
};
static_assert(sizeof(WideBlocks::KeyTile) == kAttentionWideBlock * sizeof(float));

// Tiles of a part's tokens in one KV type.
struct PartTiles {
  const std::byte* of[kPartTiles];
  const std::byte* next[kPartTiles];  // those of the next part, to be fetched ahead; or the same
  size_t row_bytes;                   // of one token, where values lie in rows
};

// Pages are short runs of memory, each beginning anew for the processor's own prefetching: lines are asked for one part ahead.
HEARTH_ALWAYS_INLINE void fetch(const std::byte* p) { __builtin_prefetch(p, 0, 2); }

// A tile's keys of kT * 16 tokens, block after block.
template <class Type, unsigned kT>
struct KeyTiles {
  using Tile = typename Type::KeyTile;
  using Keys = typename Type::template Keys<Simd>;
  const Tile* at[kT];

  HEARTH_ALWAYS_INLINE explicit KeyTiles(const std::byte* const* tiles) {
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) at[t] = reinterpret_cast<const Tile*>(tiles[t]);
  }
  HEARTH_ALWAYS_INLINE void load(unsigned block, unsigned value, F (&keys)[kT]) const {
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) keys[t] = Keys(at[t][block]).at(value);
  }
};

// scores[q * kAttentionPart + token] of kT tiles; queries (dim, kQ).
template <class Type, unsigned kQ, unsigned kT>
HEARTH_ALWAYS_INLINE void score_tiles(const float* queries, const std::byte* const* tiles, const std::byte* const* next,
                                      unsigned dim, float* scores) {
  constexpr unsigned kBytes = sizeof(typename Type::KeyTile), kEvery = kBytes > 300 ? 4 : 8;  // values to one fetched line
  const KeyTiles<Type, kT> keys(tiles);
  F sums[kQ][kT], scaled[kQ][kT];
  HEARTH_UNROLL
  for (unsigned q = 0; q < kQ; ++q) {
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) scaled[q][t] = sums[q][t] = Simd::zero();
  }
  const auto fetch_ahead = [&](unsigned offset) HEARTH_LAMBDA {
    if constexpr (kQ > kDirectQueries) return;
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) fetch(next[t] + offset);
  };
  const auto multiply = [&](unsigned block, unsigned i) HEARTH_LAMBDA {
    F key[kT];
    keys.load(block, i, key);
    HEARTH_UNROLL
    for (unsigned q = 0; q < kQ; ++q) {
      const F query = Simd::set1(queries[i * kQ + q]);
      HEARTH_UNROLL
      for (unsigned t = 0; t < kT; ++t) sums[q][t] = Simd::fma(query, key[t], sums[q][t]);
    }
  };
  const auto multiply_half = [&](unsigned block, unsigned first) HEARTH_LAMBDA {
    for (unsigned i = 0; i < 16; i += kEvery) {
      fetch_ahead(block * kBytes + (first + i) * (kBytes / Type::kValues));
      HEARTH_UNROLL
      for (unsigned j = 0; j < kEvery; ++j) multiply(block, first + (i + j) % 16);
    }
  };
  for (unsigned block = 0; block < dim / Type::kValues; ++block) {
    if constexpr (Type::kValues == 1) {
      if (block * kBytes % 64 == 0) fetch_ahead(block * kBytes);
      multiply(block, 0);
    } else {
      multiply_half(block, 0);
      multiply_half(block, 16);  // of nibbles the high halves
    }
    queries += kQ * Type::kValues;
    if constexpr (Type::kScaled) {
      HEARTH_UNROLL
      for (unsigned t = 0; t < kT; ++t) {
        const F scales = typename Type::template Keys<Simd>(keys.at[t][block]).scales();
        HEARTH_UNROLL
        for (unsigned q = 0; q < kQ; ++q) {
          scaled[q][t] = Simd::fma(scales, sums[q][t], scaled[q][t]);
          sums[q][t] = Simd::zero();
        }
      }
    }
  }
  HEARTH_UNROLL
  for (unsigned q = 0; q < kQ; ++q) {
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t)
      Simd::store(scores + q * kAttentionPart + t * kKvTile, Type::kScaled ? scaled[q][t] : sums[q][t]);
  }
}

template <class Type, unsigned kQ>
void score(const float* queries, const PartTiles& keys, unsigned first_tile, unsigned end_tile, unsigned dim, float* scores) {
  constexpr unsigned kT = kTileVectors<kQ>;
  unsigned tile = first_tile;
  const auto score_some = [&]<unsigned kSome>() HEARTH_LAMBDA {
    for (; tile + kSome <= end_tile; tile += kSome)
      score_tiles<Type, kQ, kSome>(queries, keys.of + tile, keys.next + tile, dim, scores + tile * kKvTile);
  };
  score_some.template operator()<kT>();
  if constexpr (kT > 2) score_some.template operator()<2>();
  if constexpr (kT > 1) score_some.template operator()<1>();
}

// A tile's values of kT * 16 dimensions from vector `vector` on, token after token.
template <class Type, unsigned kT, bool kInBlocks = (Type::kValues > 1)>
struct TileValues {  // in rows
  using Number = typename Type::Block;
  const Number *rows, *next;
  size_t stride;

  HEARTH_ALWAYS_INLINE TileValues(const PartTiles& values, unsigned tile, unsigned vector)
      : rows(reinterpret_cast<const Number*>(values.of[tile]) + 16 * vector),
        next(reinterpret_cast<const Number*>(values.next[tile]) + 16 * vector),
        stride(values.row_bytes / sizeof(Number)) {}
  HEARTH_ALWAYS_INLINE F at(unsigned token, unsigned t) const { return Type::template load<Simd>(rows + token * stride + 16 * t); }
  HEARTH_ALWAYS_INLINE void fetch_ahead(unsigned token) const {
    HEARTH_UNROLL
    for (unsigned byte = 0; byte < kT * 16 * sizeof(Number); byte += 64)
      fetch(reinterpret_cast<const std::byte*>(next + token * stride) + byte);
  }
};
template <class Type, unsigned kT>
struct TileValues<Type, kT, true> {
  using Tile = typename Type::ValueTile;
  using Values = typename Type::template Values<Simd>;
  static constexpr unsigned kBlocks = kT > 2 ? kT / 2 : 1;
  const Tile *tiles, *next;
  Values first, last;     // the blocks: one or two
  unsigned half;          // of the block, where a tile of vectors is less than one

  HEARTH_ALWAYS_INLINE TileValues(const PartTiles& values, unsigned tile, unsigned vector)
      : tiles(reinterpret_cast<const Tile*>(values.of[tile]) + vector / 2),
        next(reinterpret_cast<const Tile*>(values.next[tile]) + vector / 2),
        first(tiles[0]), last(tiles[kBlocks - 1]), half(vector % 2) {}
  HEARTH_ALWAYS_INLINE F at(unsigned token, unsigned t) const {
    return (t < 2 ? first : last).at(token, kT == 1 ? half : t % 2);
  }
  HEARTH_ALWAYS_INLINE F scales(unsigned block) const { return (block == 0 ? first : last).scales(); }
  HEARTH_ALWAYS_INLINE void fetch_ahead(unsigned token) const {
    HEARTH_UNROLL
    for (unsigned b = 0; b < kBlocks; ++b) fetch(reinterpret_cast<const std::byte*>(next + b) + token * (sizeof(Tile) / 16));
  }
};

// mixed[q * stride + ...] = mixed * keep[q] + sum over tokens [first, end) of weights[q * kAttentionPart + token] * value, for
// kT vectors of dimensions from `vector` on.
template <class Type, unsigned kQ, unsigned kT>
HEARTH_ALWAYS_INLINE void mix_vectors(const float* weights, const PartTiles& values, unsigned first, unsigned end,
                                      unsigned vector, const float* keep, float* mixed, size_t stride) {
  F sums[kQ][kT];
  HEARTH_UNROLL
  for (unsigned q = 0; q < kQ; ++q) {
    const F factor = Simd::set1(keep[q]);
    HEARTH_UNROLL
    for (unsigned t = 0; t < kT; ++t) sums[q][t] = Simd::mul(Simd::load(mixed + q * stride + 16 * (vector + t)), factor);
  }
  constexpr unsigned kBlocks = kT > 2 ? kT / 2 : 1;
  for (unsigned tile = first / kKvTile; tile * kKvTile < end; ++tile) {
    const TileValues<Type, kT> at(values, tile, vector);
    float products[kBlocks][kQ][16];  // weights times scales
    if constexpr (Type::kScaled) {
      HEARTH_UNROLL
      for (unsigned b = 0; b < kBlocks; ++b) {
        HEARTH_UNROLL
        for (unsigned q = 0; q < kQ; ++q)
          Simd::store(products[b][q], Simd::mul(Simd::load(weights + q * kAttentionPart + tile * kKvTile), at.scales(b)));
      }
    }
    const unsigned from = first > tile * kKvTile ? first - tile * kKvTile : 0, left = end - tile * kKvTile;
    const unsigned to = left < kKvTile ? left : kKvTile;
    for (unsigned token = from; token < to; ++token) {
      if constexpr (kQ <= kDirectQueries) at.fetch_ahead(token);
      F value[kT];
      HEARTH_UNROLL
      for (unsigned t = 0; t < kT; ++t) value[t] = at.at(token, t);
      HEARTH_UNROLL
      for (unsigned q = 0; q < kQ; ++q) {
        HEARTH_UNROLL
        for (unsigned t = 0; t < kT; ++t) {
          const float weight = Type::kScaled ? products[kT > 2 ? t / 2 : 0][q][token]
                                             : weights[q * kAttentionPart + tile * kKvTile + token];
          sums[q][t] = Simd::fma(Simd::set1(weight), value[t], sums[q][t]);
        }
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
  unsigned vector = 0;
  const auto mix_some = [&]<unsigned kSome>() HEARTH_LAMBDA {
    for (; vector + kSome <= vectors; vector += kSome)
      mix_vectors<Type, kQ, kSome>(weights, values, first, end, vector, keep, mixed, size_t{vectors} * 16);
  };
  mix_some.template operator()<kT>();
  if constexpr (kT > 2) mix_some.template operator()<2>();
  if constexpr (kT > 1) mix_some.template operator()<1>();
}

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
      float* to = Type::kScaled ? out + block * kAttentionWideBlock + kKvTile : out + block * Type::kValues;
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
    return type.is_scaled ? size_t{dim} / 32 * kAttentionWideBlock : size_t{kKvTile} * ((dim + 15) / 16 * 16);
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

// Finds the tiles of a part's tokens [seen.first, seen.end); `stored`: those of the part, from its first token on.
template <bool kAreKeys>
HEARTH_ALWAYS_INLINE void open_part(PartSource& source, const std::byte* const* stored, Seen seen, uint32_t known_end) {
  for (unsigned t = seen.first / kKvTile; t * kKvTile < seen.end; ++t) {
    source.tiles.of[t] = source.tiles.next[t] = stored[t];
    if ((kPartTiles + t) * kKvTile < known_end) source.tiles.next[t] = stored[kPartTiles + t];
    if (!source.is_widened) continue;
    float* to = source.wide + t * source.wide_floats();
    source.tiles.of[t] = source.tiles.next[t] = reinterpret_cast<const std::byte*>(to);
    const unsigned from = seen.first > t * kKvTile ? seen.first - t * kKvTile : 0, left = seen.end - t * kKvTile;
    if constexpr (kAreKeys) source.type.widen_keys(stored[t], source.dim, to);
    else source.type.widen_values(stored[t], from, left < kKvTile ? left : kKvTile, source.dim, to);
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
  alignas(64) float scores[Simd::kQueries * kAttentionPart], keep[16];
  for (uint32_t q = 0; q < run.queries; ++q) run.state.top[q] = -__builtin_inff();
  __builtin_memset(sums, 0, size_t{room} * 16 * sizeof(float));
  __builtin_memset(run.state.mixed, 0, room * stride * sizeof(float));

  const bool are_many = room > kDirectQueries;
  float* wide_keys = sums + size_t{room} * 16;
  PartSource keys(run.k_type, run.k_dim, are_many && run.k_type != KvType::kF32, wide_keys);
  PartSource values(run.v_type, run.v_dim, run.v_dim % 16 != 0 || (are_many && run.v_type != KvType::kF32),
                    wide_keys + kPartTiles * keys.wide_floats());
  for (uint32_t begin = run.first / kAttentionPart * kAttentionPart; begin < run.end; begin += kAttentionPart) {
    const Seen seen = seen_of(run.first, run.end, begin);
    const uint32_t tile = (begin - run.begin) / kKvTile;
    open_part<true>(keys, run.keys + tile, seen, run.known_end - begin);
    open_part<false>(values, run.values + tile, seen, run.known_end - begin);
    uint32_t size = 0;
    for (uint32_t at = 0; at < run.queries; at += size) {
      const QueryBlock block = block_at(run, at, begin);
      size = block.size;
      if (block.first >= block.end) continue;
      keys.score(size)(run.packed + size_t{at} * run.k_dim, keys.tiles, block.first / kKvTile,
                       (block.end + kKvTile - 1) / kKvTile, run.k_dim, scores);
      weigh(scores, block, begin, run.scale, run.softcap, run.state.top + at, sums + 16 * at, keep);
      values.mix(size)(scores, values.tiles, block.first, block.end, vectors, keep, run.state.mixed + at * stride);
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
void put_value(const float* x, uint32_t dim, std::byte* tile, uint32_t token) {
  kv::put_value<Type>(x, dim, tile, token);
}
constexpr KvPut kPut[] = {
#define HEARTH_KV_TYPE(name) {&put_key<kv::name>, &put_value<kv::name>},
#include "ops/kv/kv_types.def"
#undef HEARTH_KV_TYPE
};
