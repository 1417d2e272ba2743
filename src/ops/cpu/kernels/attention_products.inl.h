// The two products of attention over register tiles: queries with sixteen tokens' keys a vector, weights with sixteen dimensions
// of values a vector. Written once over Simd and the KV types; attention.inl.h puts them together.

// Tokens or dimensions, in vectors, that a register tile of kQ queries takes.
template <unsigned kQ>
constexpr unsigned kTileVectors = Simd::kQuerySums / kQ >= 4 ? 4 : Simd::kQuerySums / kQ >= 2 ? 2 : 1;

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
    HEARTH_ALWAYS_INLINE F at(size_t token, uint32_t half) const { return Simd::load(tile_->codes[token] + 16 * half); }
    HEARTH_ALWAYS_INLINE F scales() const { return Simd::load(tile_->scales); }

   private:
    const ValueTile* tile_;
  };
};
constexpr uint32_t kWideBlock = sizeof(WideBlocks::KeyTile) / sizeof(float);
static_assert(kWideBlock <= kAttentionBlock);

// Tiles of a part's tokens in one KV type.
struct PartTiles {
  const std::byte* of[kPartTiles];
  const std::byte* next[kPartTiles];  // read next, to be fetched ahead: those of the next part, the values of these keys, or the same
  size_t row_bytes;                   // of one token, where values lie in rows
};

// Pages are short runs of memory, each beginning anew for the processor's own prefetching: lines are asked for one part ahead.
HEARTH_ALWAYS_INLINE void fetch(const std::byte* p) { __builtin_prefetch(p, 0, 2); }

// factor * x + sum. Numbers of few queries stay in memory, where multiplications take them; those of many meet fewer vectors each.
template <unsigned kQ>
HEARTH_ALWAYS_INLINE F multiply_add(const float* factor, F x, F sum) {
  if constexpr (kQ <= kDirectQueries) return Simd::fma(factor, x, sum);
  else return Simd::fma(Simd::set1(*factor), x, sum);
}

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
      HEARTH_UNROLL
      for (unsigned t = 0; t < kT; ++t) sums[q][t] = multiply_add<kQ>(queries + i * kQ + q, key[t], sums[q][t]);
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
  HEARTH_ALWAYS_INLINE F at(size_t token, unsigned t) const { return Type::template load<Simd>(rows + token * stride + 16 * t); }
  HEARTH_ALWAYS_INLINE void fetch_ahead(size_t token) const {
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
  HEARTH_ALWAYS_INLINE F at(size_t token, unsigned t) const {
    return (t < 2 ? first : last).at(token, kT == 1 ? half : t % 2);
  }
  HEARTH_ALWAYS_INLINE F scales(unsigned block) const { return (block == 0 ? first : last).scales(); }
  HEARTH_ALWAYS_INLINE void fetch_ahead(size_t token) const {
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
    const auto mix_token = [&](size_t token) HEARTH_LAMBDA {
      if constexpr (kQ <= kDirectQueries) at.fetch_ahead(token);
      F value[kT];
      HEARTH_UNROLL
      for (unsigned t = 0; t < kT; ++t) value[t] = at.at(token, t);
      HEARTH_UNROLL
      for (unsigned q = 0; q < kQ; ++q) {
        HEARTH_UNROLL
        for (unsigned t = 0; t < kT; ++t) {
          const float* weight = Type::kScaled ? &products[kT > 2 ? t / 2 : 0][q][token]
                                              : weights + q * kAttentionPart + tile * kKvTile + token;
          sums[q][t] = multiply_add<kQ>(weight, value[t], sums[q][t]);
        }
      }
    };
    size_t token = from;
    for (; token + 4 <= to; token += 4) {
      HEARTH_UNROLL
      for (size_t i = 0; i < 4; ++i) mix_token(token + i);
    }
    for (; token < to; ++token) mix_token(token);
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
