#include "ops/cpu/matmul.h"

#include <cstring>

#include "base/check.h"
#include "base/node_queues.h"

namespace hearth::ops::cpu {

namespace {

// Panels of one chunk stay in the second-level cache while all rows pass over them.
constexpr size_t kChunkBytes = 256 << 10;

// Adds 16 sums to where they belong.
void deliver(const float* sums, const Product& product, uint32_t row, uint32_t first_output, uint32_t outputs) {
  float* out = product.out.row(row) + first_output;
  if (product.bias == nullptr && !product.accumulate && outputs == kPanelRows) {
    std::memcpy(out, sums, kPanelRows * sizeof(float));
    return;
  }
  for (uint32_t i = 0; i < outputs; ++i) {
    const float value = product.bias != nullptr ? sums[i] + product.bias[first_output + i] : sums[i];
    out[i] = product.accumulate ? out[i] + value : value;
  }
}

}  // namespace

void Multiplier::multiply(ConstMatrix x, std::span<const Product> products) {
  floats_.first = nullptr;
  bf16_.first = nullptr;
  by_32_.first = by_256_.first = nullptr;
  for (const Product& product : products) {
    HEARTH_CHECK(product.weight->columns == x.columns && product.out.columns == product.weight->rows, "shapes of a product");
    for (const auto& part : product.weight->parts()) prepare(x, *part.packer);
  }
  plan_chunks(products);
  share(x);
}

// Each call of the body takes one chunk. On several memory nodes it is one that lies beside the worker, as long as there is one.
void Multiplier::share(ConstMatrix x) {
  const Placement& placement = workers_.placement;
  if (placement.nodes == 1)
    return workers_.pool.parallel(chunks_.size(), [&](size_t c, unsigned worker) { run(chunks_[c], x, of_worker_[worker]); });
  std::vector<uint32_t> nodes;
  for (const Chunk& chunk : chunks_) nodes.push_back(placement.node_of(chunk.first_panel, chunk.part->panels()));
  NodeQueues queues(placement, nodes);
  workers_.pool.parallel(chunks_.size(), [&](size_t, unsigned worker) {
    if (const auto c = queues.any(worker)) run(chunks_[*c], x, of_worker_[worker]);
  });
}

bool Multiplier::reads_bf16(const Packer& packer) const {
  return packer.bf16 && workers_.kernels.products->split_bf16 != nullptr;
}

template <class Step, class Fill>
void Multiplier::fill(Prepared<Step>& prepared, ConstMatrix x, Fill row_into) {
  if (prepared.first != nullptr) return;
  const size_t steps = (size_t{x.columns} + kStepInputs - 1) / kStepInputs;
  Step* out = prepared.memory.at_least(steps * x.rows + kSpareRecords);
  prepared.first = out;
  workers_.rows(x.rows, x.columns, [&](size_t first, size_t end) {
    for (size_t r = first; r < end; ++r) row_into(x.row(r), out + r);
  });
}

void Multiplier::prepare(ConstMatrix x, const Packer& packer) {
  const uint32_t group = packer.activation_group;
  if (reads_bf16(packer)) {
    fill(bf16_, x, [&](const float* row, Bf16Step* out) { workers_.kernels.products->split_bf16(row, x.columns, out, x.rows); });
  } else if (group == 0) {
    fill(floats_, x, [&](const float* row, FloatStep* out) {
      for (uint32_t i = 0; i < x.columns; i += kStepInputs)
        std::copy_n(row + i, std::min(kStepInputs, x.columns - i), out[i / kStepInputs * x.rows].values);
    });
  } else {
    fill(group == 32 ? by_32_ : by_256_, x,
         [&](const float* row, QuantizedStep* out) { workers_.kernels.quantize(row, x.columns, group, out, x.rows); });
  }
}

void Multiplier::point(PanelProduct& task, const Packer& packer, uint32_t row) const {
  if (reads_bf16(packer)) task.bf16 = bf16_.first + row;
  else if (packer.activation_group == 0) task.floats = floats_.first + row;
  else task.quantized = (packer.activation_group == 32 ? by_32_ : by_256_).first + row;
}

void Multiplier::plan_chunks(std::span<const Product> products) {
  chunks_.clear();
  size_t panels = 0;
  for (const Product& product : products)
    for (const auto& part : product.weight->parts()) panels += part.panels();
  const size_t fair = std::max<size_t>(1, panels / (8 * workers_.pool.threads()));  // eight chunks per thread even out delays
  for (const Product& product : products)
    for (const auto& part : product.weight->parts()) {
      const auto count = static_cast<uint32_t>(std::clamp<size_t>(kChunkBytes / std::max<size_t>(1, part.panel_bytes), 1, fair));
      for (uint32_t p = 0; p < part.panels(); p += count)
        chunks_.push_back({&product, &part, p, std::min(p + count, part.panels())});
    }
}

const std::byte* Multiplier::panel_of(const PackedWeight::Part& part, uint32_t columns, uint32_t panel, OfWorker& worker) {
  if (!part.packer->stored) return part.panel(panel);
  float* row = worker.row.at_least(columns);
  float* floats = worker.decoded.at_least(size_t{columns} * kPanelRows);
  for (uint32_t r = 0; r < kPanelRows; ++r) {
    part.packer->read_row(*part.format, part.panel(panel), r, columns, row);
    for (uint32_t i = 0; i < columns; ++i) floats[size_t{i} * kPanelRows + r] = row[i];
  }
  return reinterpret_cast<const std::byte*>(floats);
}

void Multiplier::run(const Chunk& chunk, ConstMatrix x, OfWorker& worker) {
  const auto& [product, part, first_panel, end_panel] = chunk;
  const Packer& packer = *part->packer;
  const ProductTable& kernels = *workers_.kernels.products;
  const uint32_t direct_rows = packer.activation_group == 0 ? choices_.direct_float_rows : choices_.direct_rows;
  PanelProduct task{.panel = nullptr, .columns = x.columns, .zero = packer.zero, .table = packer.table, .floats = nullptr,
                    .bf16 = nullptr, .quantized = nullptr, .step_stride = x.rows, .rows = 0, .unpack = false,
                    .fetch_steps = choices_.fetch_steps, .out = worker.sums.at_least(kRowsAtOnce * kPanelRows)};
  for (uint32_t row = 0; row < product->rows; row += kRowsAtOnce) {
    task.rows = std::min(kRowsAtOnce, product->rows - row);
    task.unpack = task.rows > direct_rows;
    point(task, packer, product->first_row + row);
    ProductFn* by_tiles = task.rows >= choices_.tile_rows ? kernels.by_tiles[packer.layout] : nullptr;
    ProductFn* kernel = by_tiles != nullptr ? by_tiles : kernels.of[packer.layout];
    for (uint32_t p = first_panel; p < end_panel; ++p) {
      task.panel = panel_of(*part, x.columns, p, worker);
      kernel(task);
      const uint32_t first = p * kPanelRows, outputs = std::min(kPanelRows, part->rows - first);
      for (uint32_t r = 0; r < task.rows; ++r)
        deliver(task.out + r * kPanelRows, *product, row + r, part->first_row + first, outputs);
    }
  }
}

}  // namespace hearth::ops::cpu
