#include "ops/cpu/matmul.h"

#include "base/check.h"

namespace hearth::ops::cpu {

namespace {

// Rows that share one pass over a panel: their activations of one step (64 * 256 bytes) stay in the first-level cache.
constexpr uint32_t kRowsAtOnce = 64;

// Panels of one chunk stay in the second-level cache while all rows pass over them.
constexpr size_t kChunkBytes = 256 << 10;

// Adds 16 sums to where they belong.
void deliver(const float* sums, const Product& product, uint32_t row, uint32_t first_output, uint32_t outputs) {
  float* out = product.out.row(row) + first_output;
  for (uint32_t i = 0; i < outputs; ++i) {
    const float value = product.bias != nullptr ? sums[i] + product.bias[first_output + i] : sums[i];
    out[i] = product.accumulate ? out[i] + value : value;
  }
}

}  // namespace

void Multiplier::multiply(ConstMatrix x, std::span<const Product> products) {
  by_32_.current = by_256_.current = false;
  for (const Product& product : products) {
    HEARTH_CHECK(product.weight->columns == x.columns && product.out.columns == product.weight->rows, "shapes of a product");
    for (const auto& part : product.weight->parts())
      if (part.packer->activation_group != 0) quantized(x, part.packer->activation_group);
  }
  plan_chunks(products);
  workers_.pool.parallel(chunks_.size(), [&](size_t c, unsigned worker) { run(chunks_[c], x, of_worker_[worker]); });
}

const QuantizedRows& Multiplier::quantized(ConstMatrix x, uint32_t group) {
  Quantized& q = group == 32 ? by_32_ : by_256_;
  if (q.current) return q.rows;
  q.current = true;
  const size_t values = size_t{x.rows} * x.columns;
  q.rows = {q.codes.at_least(values), q.scales.at_least(values / group), q.sums16.at_least(values / 16),
            q.sums32.at_least(values / 32), x.columns, group};
  workers_.rows(x.rows, x.columns, [&](size_t first, size_t end) {
    for (size_t r = first; r < end; ++r) workers_.kernels.quantize(x.row(r), q.rows.from(r));
  });
  return q.rows;
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
  ProductFn* kernel = workers_.kernels.products->of[packer.layout];
  PanelProduct task{.panel = nullptr, .columns = x.columns, .zero = packer.zero, .table = packer.table, .x = nullptr,
                    .x_stride = x.stride, .q = {}, .rows = 0, .out = worker.sums.at_least(kRowsAtOnce * kPanelRows)};
  const QuantizedRows* q = packer.activation_group == 0 ? nullptr : &(packer.activation_group == 32 ? by_32_ : by_256_).rows;
  for (uint32_t row = 0; row < product->rows; row += kRowsAtOnce) {
    task.rows = std::min(kRowsAtOnce, product->rows - row);
    if (q != nullptr) task.q = q->from(product->first_row + row);
    else task.x = x.row(product->first_row + row);
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
