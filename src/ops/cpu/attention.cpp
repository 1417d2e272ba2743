#include "ops/cpu/attention.h"

#include <algorithm>
#include <limits>
#include <span>
#include <tuple>

#include "base/check.h"

namespace hearth::ops::cpu {

namespace {

constexpr uint32_t kTileQueries = 96;     // share a part's keys and values, widened to f32 once; their state fits the second-level cache
constexpr uint32_t kFewQueries = 16;      // below, sharing among threads is not worth smaller tiles
constexpr uint32_t kMostDivided = 32;     // queries of a tile whose runs go to different threads: each run keeps a state
constexpr uint32_t kPiecesPerThread = 8;  // so that a descheduled core delays a small part of the step
constexpr uint32_t kRunTiles = kAttentionRun / kKvTile;

uint32_t first_visible(uint32_t position, uint32_t window) {
  return window != 0 && position >= window ? position - window + 1 : 0;
}

size_t row_floats(uint32_t v_dim) { return (v_dim + 15) / 16 * 16; }

size_t state_head(uint32_t queries) { return (2 * size_t{queries} + 15) / 16 * 16; }  // tops and weights, whole lines

size_t blocks_of(uint32_t dim) { return (dim + 31) / 32; }  // of 32, the last one filled up

// Sums of the weights by lanes, a part's scores, and its keys and values as kernels multiply them.
size_t attention_scratch(uint32_t room, const KvLayer& layer) {
  constexpr size_t kPartBlocks = kAttentionPart / kKvTile * kAttentionBlock;
  return size_t{room} * (16 + kAttentionPart) + kPartBlocks * (blocks_of(layer.k_dim) + blocks_of(layer.v_dim));
}

size_t packed_floats(uint32_t room, const KvLayer& layer) { return room * blocks_of(layer.k_dim) * kAttentionQuery; }

// The tiles of keys and values that hold positions [from, to) of a run, perhaps with the first part of the next one.
struct RunTiles {
  const std::byte *keys[kRunTiles + kAttentionPart / kKvTile], *values[kRunTiles + kAttentionPart / kKvTile];

  RunTiles(const SequenceRows& sequence, const KvLayer& layer, uint32_t kv_head, uint32_t begin, uint32_t from, uint32_t to) {
    const size_t key_head = layer.key_bytes(), value_head = layer.value_bytes();
    const size_t key_tile = key_head / layer.page_tokens * kKvTile, value_tile = value_head / layer.page_tokens * kKvTile;
    const std::byte *first_key = layer.keys(0, kv_head), *first_value = layer.values(0, kv_head);
    for (uint32_t position = from / kKvTile * kKvTile; position < to; position += kKvTile) {
      const KvPlace at = kv_place(sequence, layer, position);
      const uint32_t tile = (position - begin) / kKvTile;
      keys[tile] = first_key + at.page * layer.page_stride + at.token / kKvTile * key_tile;
      values[tile] = first_value + at.page * layer.page_stride + at.token / kKvTile * value_tile;
    }
  }
};

}  // namespace

// Tokens whose keys lie in one tile are written by one thread; all sequences in one parallel call.
void Attender::append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step) {
  HEARTH_CHECK(layer.page_tokens % kKvTile == 0, "pages hold whole tiles");
  const KvPut& put_key = workers_.kernels.put[static_cast<size_t>(layer.k_type)];
  const KvPut& put_value = workers_.kernels.put[static_cast<size_t>(layer.v_type)];
  writes_.clear();
  for (const SequenceRows& sequence : step.sequences) {
    const uint32_t end = sequence.past + sequence.rows;
    for (uint32_t from = sequence.past; from < end; from = writes_.back().to)
      writes_.push_back({&sequence, from, std::min(end, (from / kKvTile + 1) * kKvTile)});
  }
  if (writes_.empty()) return;
  constexpr size_t kCostOfNumber = 8;  // of elementwise work: a token's keys lie in as many lines as they are numbers, all of them cold
  const size_t numbers = size_t{k.rows} * layer.kv_heads * (layer.k_dim + layer.v_dim);
  workers_.rows(writes_.size(), kCostOfNumber * numbers / writes_.size(), [&](size_t first, size_t last) {
    for (const Write& write : std::span(writes_).subspan(first, last - first))
      for (uint32_t position = write.from; position < write.to; ++position) {
        const KvPlace at = kv_place(*write.sequence, layer, position);
        const uint32_t row = write.sequence->first_row + position - write.sequence->past;
        for (uint32_t h = 0; h < layer.kv_heads; ++h) {
          put_key.key(k.row(row) + size_t{h} * layer.k_dim, layer.k_dim, at.key_tile(layer, h), at.in_tile());
          put_value.value(v.row(row) + size_t{h} * layer.v_dim, layer.v_dim, at.value_tile(layer, h), at.in_tile());
        }
      }
  });
}

void Attender::attend(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out, const AttentionOptions& options) {
  HEARTH_CHECK(options.heads % layer.kv_heads == 0, "query heads come in groups of one kv head");
  HEARTH_CHECK(layer.page_tokens % kKvTile == 0, "pages hold whole tiles");
  const Call call{q, layer, out, options};
  plan(call, step);
  workers_.pool.parallel(pieces_.size(), [&](size_t p, unsigned worker) { run(pieces_[p], call, of_worker_[worker]); });
  if (divided_.empty()) return;
  workers_.pool.parallel(divided_.size(), [&](size_t d, unsigned worker) {
    merge_runs(tiles_[divided_[d].tile], divided_[d].state, call, of_worker_[worker]);
  });
}

// Smaller tiles where large ones would leave threads without work.
uint32_t Attender::rows_per_tile(const Call& call, const Step& step) const {
  uint32_t rows = std::max(1u, kTileQueries / call.heads());
  const auto tiles = [&] {
    size_t count = 0;
    for (const SequenceRows& sequence : step.sequences) count += (sequence.rows + rows - 1) / rows;
    return count * call.layer.kv_heads;
  };
  while (rows > 1 && rows * call.heads() > kFewQueries && tiles() < size_t{kPiecesPerThread} * workers_.pool.threads())
    rows = (rows + 1) / 2;
  return rows;
}

void Attender::plan(const Call& call, const Step& step) {
  tiles_.clear();
  pieces_.clear();
  divided_.clear();
  const uint32_t rows = rows_per_tile(call, step);
  uint64_t cost = 0;
  for (const SequenceRows& sequence : step.sequences)
    for (uint32_t first = 0; first < sequence.rows; first += rows) {
      const uint32_t end = std::min(first + rows, sequence.rows);
      for (uint32_t h = 0; h < call.layer.kv_heads; ++h) {
        tiles_.push_back({.sequence = &sequence, .first = first, .end = end, .kv_head = h,
                          .from = first_visible(sequence.past + first, call.options.window), .to = sequence.past + end});
        cost += tiles_.back().cost();
      }
    }
  // Longest work first. In place: a stable sort would ask for memory at every step.
  std::ranges::sort(tiles_, {}, [](const Tile& t) { return std::tuple(~t.cost(), t.sequence, t.first, t.kv_head); });
  const uint64_t fair = cost / (kPiecesPerThread * workers_.pool.threads());
  size_t floats = 0;
  for (uint32_t t = 0; t < tiles_.size(); ++t) {
    const Tile& tile = tiles_[t];
    const uint32_t first = tile.first_run(), end = tile.end_run();
    if (tile.cost() <= fair || end - first == 1 || tile.queries(call) > kMostDivided) {
      pieces_.push_back({t, first, end});
      continue;
    }
    divided_.push_back({t, first, end, floats});
    for (uint32_t run = first; run < end; ++run) {
      pieces_.push_back({t, run, run + 1, floats});
      floats += state_floats(tile.queries(call), call.layer.v_dim);
    }
  }
  states_.at_least(floats);
  reserve(call, rows * call.heads());
}

// For every worker alike: who meets the largest tile differs from step to step.
void Attender::reserve(const Call& call, uint32_t queries) {
  const uint32_t room = workers_.kernels.attention.room(queries);
  for (OfWorker& worker : of_worker_) {
    worker.queries.at_least(queries);
    worker.seen.at_least(2 * size_t{queries});
    worker.packed.at_least(packed_floats(room, call.layer));
    worker.scratch.at_least(attention_scratch(room, call.layer));
    worker.run.at_least(state_floats(queries, call.layer.v_dim));
    worker.total.at_least(state_floats(queries, call.layer.v_dim));
  }
}

void Attender::run(const Piece& piece, const Call& call, OfWorker& worker) {
  const Tile& tile = tiles_[piece.tile];
  const KvLayer& layer = call.layer;
  const uint32_t queries = tile.queries(call), heads = call.heads(), room = workers_.kernels.attention.room(queries);
  const float** rows = worker.queries.at_least(queries);
  uint32_t *from = worker.seen.at_least(2 * size_t{queries}), *to = from + queries;
  for (uint32_t i = 0; i < queries; ++i) {
    const uint32_t row = tile.first + i / heads, position = tile.sequence->past + row;
    rows[i] = call.q.row(tile.sequence->first_row + row) + size_t{tile.kv_head * heads + i % heads} * layer.k_dim;
    from[i] = first_visible(position, call.options.window);
    to[i] = position + 1;
  }
  float* packed = worker.packed.at_least(packed_floats(room, layer));
  workers_.kernels.attention.pack(rows, queries, layer.k_dim, packed);

  const bool is_whole = piece.state == kNone;
  float* memory = is_whole ? worker.run.at_least(state_floats(queries, layer.v_dim)) : states_.at_least(0) + piece.state;
  const AttentionState state = state_at(memory, queries);
  const AttentionState total = is_whole ? fresh_total(tile, call, worker) : AttentionState{};
  for (uint32_t r = piece.first_run; r < piece.end_run; ++r) {
    const uint32_t begin = r * kAttentionRun, first = std::max(begin, tile.from), end = std::min(begin + kAttentionRun, tile.to);
    const uint32_t known_end = std::min(begin + kAttentionRun + kAttentionPart, tile.to);
    const RunTiles tiles(*tile.sequence, layer, tile.kv_head, begin, first, known_end);
    workers_.kernels.attention.run({.packed = packed, .queries = queries, .from = from, .to = to, .keys = tiles.keys, .values = tiles.values,
                                    .begin = begin, .first = first, .end = end, .known_end = known_end,
                                    .k_type = layer.k_type, .v_type = layer.v_type, .k_dim = layer.k_dim, .v_dim = layer.v_dim,
                                    .scale = call.options.scale, .softcap = call.options.softcap,
                                    .scratch = worker.scratch.at_least(attention_scratch(room, layer)), .state = state});
    if (is_whole) workers_.kernels.merge(total, state, queries, layer.v_dim);
  }
  if (is_whole) finish(tile, total, call);
}

void Attender::merge_runs(const Tile& tile, size_t state, const Call& call, OfWorker& worker) {
  const uint32_t queries = tile.queries(call);
  const AttentionState total = fresh_total(tile, call, worker);
  for (uint32_t r = tile.first_run(); r < tile.end_run(); ++r) {
    workers_.kernels.merge(total, state_at(states_.at_least(0) + state, queries), queries, call.layer.v_dim);
    state += state_floats(queries, call.layer.v_dim);
  }
  finish(tile, total, call);
}

void Attender::finish(const Tile& tile, const AttentionState& total, const Call& call) const {
  const uint32_t heads = call.heads(), v_dim = call.layer.v_dim;
  for (uint32_t i = 0; i < tile.queries(call); ++i) {
    const float* from = total.mixed + i * row_floats(v_dim);
    float* to = call.out.row(tile.sequence->first_row + tile.first + i / heads) + size_t{tile.kv_head * heads + i % heads} * v_dim;
    std::copy_n(from, v_dim, to);
    workers_.kernels.scale(to, v_dim, 1 / total.weight[i]);
  }
}

// A sink is a run of its own, the first: one score, no value.
AttentionState Attender::fresh_total(const Tile& tile, const Call& call, OfWorker& worker) const {
  const uint32_t queries = tile.queries(call), heads = call.heads();
  const size_t floats = state_floats(queries, call.layer.v_dim);
  const AttentionState total = state_at(worker.total.at_least(floats), queries);
  std::fill_n(worker.total.at_least(0), floats, 0.0f);
  const float* sinks = call.options.sinks;
  for (uint32_t i = 0; i < queries; ++i) {
    total.top[i] = sinks != nullptr ? sinks[tile.kv_head * heads + i % heads] : -std::numeric_limits<float>::infinity();
    total.weight[i] = sinks != nullptr ? 1 : 0;
  }
  return total;
}

size_t Attender::state_floats(uint32_t queries, uint32_t v_dim) const {
  return state_head(queries) + workers_.kernels.attention.room(queries) * row_floats(v_dim);
}

AttentionState Attender::state_at(float* memory, uint32_t queries) const {
  return {.top = memory, .weight = memory + queries, .mixed = memory + state_head(queries)};
}

}  // namespace hearth::ops::cpu
