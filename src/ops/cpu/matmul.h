#pragma once
// Matrix products over packed weights. One answer whatever the batch, the threads and the chunks: kernels/integer_product.inl.h.
#include <optional>
#include <span>
#include <vector>

#include "base/node_queues.h"
#include "ops/cpu/choices.h"
#include "ops/cpu/packed_weight.h"
#include "ops/cpu/workers.h"

namespace hearth::ops::cpu {

// out[i] = weight · x[first_row + i] for i in [0, rows); the rest as in MatmulOptions.
struct Product {
  const PackedWeight* weight;
  uint32_t first_row, rows;
  Matrix out;                   // (rows, weight rows), or half as many columns where gated
  const float* bias = nullptr;
  std::optional<Activation> gated = {};
  bool accumulate = false;
};

class Multiplier {
 public:
  Multiplier(const Workers& workers, const ProductChoices& choices)
      : workers_(workers), choices_(choices), of_worker_(workers.pool.threads()) {}

  // Products that read rows of one matrix, normalized before (norm: null where not), shared among threads as one piece of work.
  // Outputs must not overlap; x is not read any more when the first is written.
  void multiply(ConstMatrix x, const NormOptions* norm, std::span<const Product> products);

 private:
  // Some panels of one part of one product; with them, where gated, the same panels of the part `up`.
  struct Chunk {
    const Product* product;
    const PackedWeight::Part *part, *up;
    uint32_t first_panel, end_panel;
  };
  struct OfWorker {
    Scratch<float> sums;     // two of kSums
    Scratch<float> decoded;  // a panel of a stored weight as floats: FloatBlock<float>
    Scratch<float> row;
  };

  bool reads_bf16(const Packer& packer) const;
  // Fills the kind of records that the packer's layout reads, unless they hold x.
  void prepare(ConstMatrix x, const NormOptions* norm, const Packer& packer);
  void point(PanelProduct& task, const Packer& packer, uint32_t row) const;  // at x's records from `row` on
  void share(ConstMatrix x);  // the chunks, among all workers
  void plan_chunks(std::span<const Product> products);
  void run(const Chunk& chunk, ConstMatrix x, OfWorker& worker);
  // Tiles' kernel, where a product of so many rows goes through them: all of its blocks, for only tiles take more than kRowsAtOnce.
  ProductFn* by_tiles(const Packer& packer, uint32_t rows) const;
  uint32_t rows_at_once(const Packer& packer, uint32_t columns, uint32_t rows) const;
  // Outputs of `count` panels for rows [row, row + rows) of the product, with their bias: sums (rows, 16) each, `room` apart.
  void multiply_panels(const Product& product, const PackedWeight::Part& part, uint32_t first, uint32_t count, ConstMatrix x,
                       uint32_t row, uint32_t rows, OfWorker& worker, float* sums, uint32_t room);
  static void add_bias(const Product& product, const PackedWeight::Part& part, uint32_t panel, uint32_t rows, float* sums);
  static void fetch_out(const Product& product, const PackedWeight::Part& part, uint32_t panel, uint32_t row, uint32_t rows);
  static void deliver_panel(const Product& product, const PackedWeight::Part& part, uint32_t panel, uint32_t row, uint32_t rows,
                            const float* sums);
  const std::byte* panel_of(const PackedWeight::Part& part, uint32_t columns, uint32_t panel, OfWorker& worker);

  Workers workers_;
  ProductChoices choices_;
  std::vector<OfWorker> of_worker_;
  std::vector<Chunk> chunks_;
  std::vector<uint32_t> node_of_chunk_;  // on several memory nodes
  NodeQueues queues_{workers_.placement, {}};
  template <class Step>
  struct Prepared {
    Scratch<Step> memory;       // (steps, rows), then kSpareRecords
    const Step* first = nullptr;  // null: not this call's matrix yet
  };
  template <class Step, class Fill>
  void fill(Prepared<Step>& prepared, ConstMatrix x, const NormOptions* norm, Fill row_into);  // row_into(row, its first record)
  Prepared<FloatStep> floats_;
  Prepared<Bf16Step> bf16_;
  Prepared<QuantizedStep> by_32_, by_256_;
};

}  // namespace hearth::ops::cpu
