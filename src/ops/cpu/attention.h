#pragma once
// The KV cache and attention. The context of a query is walked in parts of kAttentionPart tokens that begin at fixed
// positions, merged in order: neither the chunks of a prompt nor the order of pages change a bit of the result.
#include <vector>

#include "ops/cpu/workers.h"

namespace hearth::ops::cpu {

class Attender {
 public:
  explicit Attender(const Workers& workers) : workers_(workers), of_worker_(workers.pool.threads()) {}

  void append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step);
  void attend(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out, const AttentionOptions& options);

 private:
  // Some rows of one sequence and one kv head.
  struct Tile {
    const SequenceRows* sequence;
    uint32_t first, end;  // rows within the sequence
    uint32_t kv_head;
  };
  struct OfWorker {
    Scratch<float> top, weight, mixed;  // (rows of the tile, heads of the group[, v_dim])
  };
  void run(const Tile& tile, ConstMatrix q, const KvLayer& layer, Matrix out, const AttentionOptions& options, OfWorker& worker);

  Workers workers_;
  std::vector<OfWorker> of_worker_;
  std::vector<Tile> tiles_;
};

}  // namespace hearth::ops::cpu
