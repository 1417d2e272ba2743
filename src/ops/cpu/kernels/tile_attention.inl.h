// Attention through tiles (AMX), written once over Simd, Tiles and the KV types; included after attention_weights.inl.h.
//
// Tiles multiply bf16 and sum in f32. So numbers are split: into the nearest number of bf16, the one nearest to what it leaves, and
// so on, with eight to nine bits each. Scores stand in an exponent, so queries are three such pieces and keys as many as hold what
// their type can be; of weights and values, whose errors stay as small as they are, two. Products of pieces that are smaller than
// what is left out anyway are left out. A row of a tile is one query, whose result does not depend on the other rows: one token that
// is generated and a prompt's sixteen queries of a tile get the same bits.
//
// Tiles read pairs of inputs. Which two make a pair is free as long as both operands agree: here number i of 32 and number i + 16,
// for then vectors pair up lane by lane.

constexpr unsigned kTileQueries = 16, kQueryPieces = 3, kMixPieces = 2;

using PairTile = std::byte[16][64];  // sixteen rows of sixteen pairs
constexpr size_t kTileBytes = sizeof(PairTile);

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

// Stores the pieces of sixteen pairs, one after the other, kTileBytes or any other distance apart.
template <unsigned kPieces>
HEARTH_ALWAYS_INLINE void store_pieces(std::byte* out, size_t distance, F first, F second) {
  HEARTH_UNROLL
  for (unsigned piece = 0; piece < kPieces; ++piece, out += distance) {
    const F first_piece = Simd::round_bf16(first), second_piece = Simd::round_bf16(second);
    Simd::istore(out, Simd::bf16_pairs(first_piece, second_piece));
    first = Simd::sub(first, first_piece);
    second = Simd::sub(second, second_piece);
  }
}

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
      store_pieces<kKeyPieces<Type>>(out + 64 * i, kTileBytes, key(first + i), key(first + i + 16));
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

// Two stored tiles, of which tokens `seen` of 32 are read; the others become zeros, for their weights are zeros and what the cache
// holds there may be no number. `next`: as for keys, of both.
template <class Type>
void split_values(const std::byte* const* stored, const std::byte* const* next, Seen seen, unsigned dim, std::byte* out) {
  using Values = StoredValues<Type>;
  const bool sees_lower = seen.first < 16, sees_upper = seen.end > 16;
  for (unsigned v = 0; 16 * v < dim; ++v, out += kValuePieces<Type> * kTileBytes) {
    const Values lower(stored[sees_lower ? 0 : 1], dim, v), upper(stored[sees_upper ? 1 : 0], dim, v);
    const auto value = [&](const Values& from, unsigned token) HEARTH_LAMBDA {
      return token >= seen.first && token < seen.end ? from.at(token % 16) : Simd::zero();
    };
    for (unsigned i = 0; i < 16; ++i) {
      for (unsigned t = 0; t < 2; ++t)
        if (next[t] != nullptr) __builtin_prefetch(next[t] + Values::offset(i, dim, v), 0, 2);
      store_pieces<kValuePieces<Type>>(out + 64 * i, kTileBytes, value(lower, i), value(upper, i + 16));
    }
  }
}

// --- products ---------------------------------------------------------------------------------------------------------------

// Calls product<t>() for tiles of sums t in [first, end) of four.
template <class Product>
HEARTH_ALWAYS_INLINE void for_sums(unsigned first, unsigned end, Product product) {
  if (first == 0 && end > 0) product.template operator()<0>();
  if (first <= 1 && end > 1) product.template operator()<1>();
  if (first <= 2 && end > 2) product.template operator()<2>();
  if (first <= 3 && end > 3) product.template operator()<3>();
}

// Sums += the pieces of rows in tiles 4 and 5, the larger ones first, times those at `pieces`, but for the smallest products.
template <int kSums, unsigned kPieces, unsigned kRowPieces>
HEARTH_ALWAYS_INLINE void add_products(const std::byte* pieces) {
  Tiles::template load<6>(pieces, 64);
  Tiles::template dot_bf16<kSums, 4, 6>();
  Tiles::template dot_bf16<kSums, 5, 6>();
  if constexpr (kPieces > 1) {
    Tiles::template load<7>(pieces + kTileBytes, 64);
    Tiles::template dot_bf16<kSums, 4, 7>();
    if constexpr (kRowPieces > 2) Tiles::template dot_bf16<kSums, 5, 7>();
  }
  if constexpr (kPieces > 2) {
    Tiles::template load<6>(pieces + 2 * kTileBytes, 64);
    Tiles::template dot_bf16<kSums, 4, 6>();
  }
}

// scores[q * kAttentionPart + token] of a part's token tiles [first, end).
template <unsigned kPieces>
void score_pieces(const std::byte* queries, const std::byte* keys, unsigned dim, unsigned first, unsigned end, float* scores) {
  const unsigned depth = tiles_of(dim);
  for_sums(first, end, []<int kT>() HEARTH_LAMBDA { Tiles::template zero<kT>(); });
  for (unsigned d = 0; d < depth; ++d, queries += kQueryPieces * kTileBytes, keys += kPieces * kTileBytes) {
    const size_t to_next = size_t{depth} * kPieces * kTileBytes;
    Tiles::template load<4>(queries, 64);
    Tiles::template load<5>(queries + kTileBytes, 64);
    for_sums(first, end, [&]<int kT>() HEARTH_LAMBDA { add_products<kT, kPieces, kQueryPieces>(keys + kT * to_next); });
    Tiles::template load<4>(queries + 2 * kTileBytes, 64);
    for_sums(first, end, [&]<int kT>() HEARTH_LAMBDA {
      Tiles::template load<6>(keys + kT * to_next, 64);
      Tiles::template dot_bf16<kT, 4, 6>();
    });
  }
  constexpr size_t kStride = kAttentionPart * sizeof(float);
  for_sums(first, end, [&]<int kT>() HEARTH_LAMBDA { Tiles::template store<kT>(scores + kT * kKvTile, kStride); });
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

// mixed += weights * values, over the part's tokens [first, end).
template <unsigned kPieces>
void mix_pieces(const float* weights, const std::byte* values, unsigned first, unsigned end, unsigned vectors, float* mixed) {
  const size_t stride = size_t{vectors} * 16 * sizeof(float), row_bytes = kAttentionPart * sizeof(float);
  const auto* rows = reinterpret_cast<const std::byte*>(weights);
  for (unsigned v = 0; v < vectors; v += 4) {
    const unsigned count = vectors - v < 4 ? vectors - v : 4;
    for_sums(0, count, [&]<int kT>() HEARTH_LAMBDA { Tiles::template load<kT>(mixed + 16 * (v + kT), stride); });
    for (unsigned half = first / 32; 32 * half < end; ++half) {
      Tiles::template load<4>(rows + 64 * half, row_bytes);
      Tiles::template load<5>(rows + 128 + 64 * half, row_bytes);
      for_sums(0, count, [&]<int kT>() HEARTH_LAMBDA {
        add_products<kT, kPieces, kMixPieces>(values + size_t{half * vectors + v + kT} * kPieces * kTileBytes);
      });
    }
    for_sums(0, count, [&]<int kT>() HEARTH_LAMBDA { Tiles::template store<kT>(mixed + 16 * (v + kT), stride); });
  }
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
  void (*score)(const std::byte*, const std::byte*, unsigned, unsigned, unsigned, float*);
  void (*mix)(const float*, const std::byte*, unsigned, unsigned, unsigned, float*);
  size_t key_bytes, value_bytes;  // of 32 dimensions of sixteen tokens, and of sixteen of 32
};
template <class Type>
constexpr PieceKernels piece_kernels() {
  constexpr unsigned kKeys = kKeyPieces<Type>, kValues = kValuePieces<Type>;
  return {.split_keys = &split_keys<Type>,
          .split_values = &split_values<Type>,
          .score = &score_pieces<kKeys>,
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

void attend(const AttentionRun& run) {
  const uint32_t room = attention_room(run.queries);
  const unsigned depth = tiles_of(run.k_dim), vectors = (run.v_dim + 15) / 16;
  const size_t stride = size_t{vectors} * 16;
  float *sums = run.scratch, *scores = sums + size_t{room} * 16;  // (room, 16) and (room, kAttentionPart)
  const auto* queries = reinterpret_cast<const std::byte*>(run.packed);
  const PieceKernels& of_keys = kPieceKernels[static_cast<size_t>(run.k_type)];
  const PieceKernels& of_values = kPieceKernels[static_cast<size_t>(run.v_type)];
  auto* keys = reinterpret_cast<std::byte*>(scores + size_t{room} * kAttentionPart);  // (kPartTiles, depth) tiles
  std::byte* values = keys + kPartTiles * depth * of_keys.key_bytes;                  // (2, vectors)
  for (uint32_t q = 0; q < run.queries; ++q) run.state.top[q] = -__builtin_inff();
  __builtin_memset(sums, 0, size_t{room} * 16 * sizeof(float));
  __builtin_memset(run.state.mixed, 0, room * stride * sizeof(float));

  Tiles::configure(16, run.queries < kTileQueries ? run.queries : kTileQueries);
  for (uint32_t begin = run.first / kAttentionPart * kAttentionPart; begin < run.end; begin += kAttentionPart) {
    const Seen seen = seen_of(run.first, run.end, begin);
    const std::byte* const* stored_keys = run.keys + (begin - run.begin) / kKvTile;
    const std::byte* const* stored_values = run.values + (begin - run.begin) / kKvTile;
    const auto next = [&](const std::byte* const* stored, unsigned t) HEARTH_LAMBDA {
      const bool fetches = run.queries <= kTileQueries && begin + (kPartTiles + t) * kKvTile < run.known_end;
      return fetches ? stored[kPartTiles + t] : nullptr;
    };
    for (unsigned t = seen.first / kKvTile; t * kKvTile < seen.end; ++t)
      of_keys.split_keys(stored_keys[t], next(stored_keys, t), run.k_dim, keys + t * depth * of_keys.key_bytes);
    for (unsigned half = seen.first / 32; half * 32 < seen.end; ++half) {
      const std::byte* const next_two[2] = {next(stored_values, 2 * half), next(stored_values, 2 * half + 1)};
      const Seen in_half = seen_of(begin + seen.first, begin + seen.end, begin + 32 * half);
      of_values.split_values(stored_values + 2 * half, next_two, in_half, run.v_dim, values + half * vectors * of_values.value_bytes);
    }
    // First all scores, then all mixed values: a part's keys fill most of a first-level cache.
    for (uint32_t at = 0; at < run.queries; at += kTileQueries) {
      const QueryBlock block = block_at(run, at, kTileQueries, begin);
      if (block.first >= block.end) continue;
      float* of_block = scores + size_t{at} * kAttentionPart;
      alignas(64) float keep[16];
      of_keys.score(queries + at / kTileQueries * depth * kQueryPieces * kTileBytes, keys, run.k_dim, block.first / kKvTile,
                    (block.end + kKvTile - 1) / kKvTile, of_block);
      weigh(of_block, block, begin, run.scale, run.softcap, run.state.top + at, sums + 16 * at, keep);
      split_weights(of_block, block.queries);
      keep_mixed(run.state.mixed + at * stride, keep, block.queries, stride);
    }
    for (uint32_t at = 0; at < run.queries; at += kTileQueries) {
      const QueryBlock block = block_at(run, at, kTileQueries, begin);
      if (block.first < block.end)
        of_values.mix(scores + size_t{at} * kAttentionPart, values, block.first, block.end, vectors, run.state.mixed + at * stride);
    }
  }
  Tiles::release();
  for (uint32_t q = 0; q < run.queries; ++q) run.state.weight[q] = Simd::sum(Simd::load(sums + 16 * q));
}
