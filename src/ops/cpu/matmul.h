#pragma once
// Matrix products over packed weights. One answer whatever the batch, the threads and the chunks: kernels/integer_product.inl.h.
#include <span>
#include <vector>

#include "ops/cpu/choices.h"
#include "ops/cpu/packed_weight.h"
#include "ops/cpu/workers.h"

namespace hearth::ops::cpu {

// out[i] = weight · x[first_row + i] for i in [0, rows).
struct Product {
  const PackedWeight* weight;
  uint32_t first_row, rows;
  Matrix out;                   // (rows, weight rows)
  const float* bias = nullptr;
  bool accumulate = false;
};

class Multiplier {
 public:
  explicit Multiplier(const Workers& workers)
      : workers_(workers), choices_(product_choices(workers.kernels)), of_worker_(workers.pool.threads()) {}

  // Products that read rows of one matrix, shared among threads as one piece of work. Outputs must not overlap.
  void multiply(ConstMatrix x, std::span<const Product> products);

 private:
  // Some panels of one part of one product.
  struct Chunk {
    const Product* product;
    const PackedWeight::Part* part;
    uint32_t first_panel, end_panel;
  };
  struct OfWorker {
    Scratch<float> sums;     // (rows at once, 16)
    Scratch<float> decoded;  // a panel of a stored weight as floats: FloatBlock<float>
    Scratch<float> row;
  };

  bool reads_bf16(const Packer& packer) const;
  void prepare(ConstMatrix x, const Packer& packer);  // fills the kind of records that the packer's layout reads, unless they hold x
  void point(PanelProduct& task, const Packer& packer, uint32_t row) const;  // at x's records from `row` on
  void share(ConstMatrix x);  // the chunks, among all workers
  void plan_chunks(std::span<const Product> products);
  void run(const Chunk& chunk, ConstMatrix x, OfWorker& worker);
  const std::byte* panel_of(const PackedWeight::Part& part, uint32_t columns, uint32_t panel, OfWorker& worker);

  Workers workers_;
  ProductChoices choices_;
  std::vector<OfWorker> of_worker_;
  std::vector<Chunk> chunks_;
  template <class Step>
  struct Prepared {
    Scratch<Step> memory;       // (steps, rows), then kSpareRecords
    const Step* first = nullptr;  // null: not this call's matrix yet
  };
  template <class Step, class Fill>
  void fill(Prepared<Step>& prepared, ConstMatrix x, Fill row_into);  // row_into(row, its first record)
  Prepared<FloatStep> floats_;
  Prepared<Bf16Step> bf16_;
  Prepared<QuantizedStep> by_32_, by_256_;
};

}  // namespace hearth::ops::cpu
