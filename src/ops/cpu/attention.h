#pragma once
// The KV cache and attention. A context is cut into runs of kAttentionRun tokens at fixed positions; what a query sees of each
// run is computed on its own and merged in order. So runs may go to different threads, and neither threads nor prompt chunks,
// batches or the order of pages change a bit of the result.
#include <vector>

#include "ops/cpu/workers.h"

namespace hearth::ops::cpu {

constexpr uint32_t kAttentionRun = 512;

class Attender {
 public:
  explicit Attender(const Workers& workers) : workers_(workers), of_worker_(workers.pool.threads()) {}

  void append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step);
  void attend(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out, const AttentionOptions& options);

 private:
  struct Call {  // the arguments of attend()
    ConstMatrix q;
    const KvLayer& layer;
    Matrix out;
    const AttentionOptions& options;
    uint32_t heads() const { return options.heads / layer.kv_heads; }  // of a group
  };
  // Some rows of one sequence with the query heads of one kv head.
  struct Tile {
    const SequenceRows* sequence;
    uint32_t first, end;  // rows within the sequence
    uint32_t kv_head;
    uint32_t from, to;    // positions that any of the rows sees

    uint32_t queries(const Call& call) const { return (end - first) * call.heads(); }
    uint32_t first_run() const { return from / kAttentionRun; }
    uint32_t end_run() const { return (to - 1) / kAttentionRun + 1; }
    uint64_t cost() const { return uint64_t{to - from} * (end - first); }
  };
  // What one thread does at a time: a tile over all that it sees, or over a single run whose state is merged later.
  struct Piece {
    uint32_t tile;
    uint32_t first_run, end_run;
    size_t state = kNone;  // place in states_ of a single run
  };
  static constexpr size_t kNone = ~size_t{0};
  struct Write {  // positions of one sequence within one tile of the cache
    const SequenceRows* sequence;
    uint32_t from, to;
  };
  struct OfWorker {
    Scratch<float> packed, scratch, run, total;
    Scratch<const float*> queries;
    Scratch<uint32_t> seen;
  };

  void plan(const Call& call, const Step& step);
  void reserve(const Call& call, uint32_t queries);  // memory of the workers for tiles of so many queries
  uint32_t rows_per_tile(const Call& call, const Step& step) const;
  void run(const Piece& piece, const Call& call, OfWorker& worker);
  void merge_runs(const Tile& tile, size_t state, const Call& call, OfWorker& worker);
  void finish(const Tile& tile, const AttentionState& total, const Call& call) const;

  size_t state_floats(uint32_t queries, uint32_t v_dim) const;
  AttentionState state_at(float* memory, uint32_t queries) const;
  AttentionState fresh_total(const Tile& tile, const Call& call, OfWorker& worker) const;

  Workers workers_;
  std::vector<OfWorker> of_worker_;
  std::vector<Write> writes_;
  std::vector<Tile> tiles_;
  std::vector<Piece> pieces_;
  std::vector<Piece> divided_;  // tiles in single runs: all their runs, and where the first one's state lies
  Scratch<float> states_;
};

}  // namespace hearth::ops::cpu
