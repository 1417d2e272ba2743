#include "ops/cpu/matmul.h"

#include <cstring>

#include "base/check.h"

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
  by_32_.first = by_256_.first = nullptr;
  for (const Product& product : products) {
    HEARTH_CHECK(product.weight->columns == x.columns && product.out.columns == product.weight->rows, "shapes of a product");
    for (const auto& part : product.weight->parts()) prepare(x, part.packer->activation_group);
  }
  plan_chunks(products);
  workers_.pool.parallel(chunks_.size(), [&](size_t c, unsigned worker) { run(chunks_[c], x, of_worker_[worker]); });
}

void Multiplier::prepare(ConstMatrix x, uint32_t group) {
  const size_t steps = (size_t{x.columns} + kStepInputs - 1) / kStepInputs, records = steps * x.rows;
  const auto each_row = [&](auto body) {
    workers_.rows(x.rows, x.columns, [&](size_t first, size_t end) {
      for (size_t r = first; r < end; ++r) body(r);
    });
  };
  if (group == 0) {
    if (floats_.first != nullptr) return;
    FloatStep* out = floats_.memory.at_least(records);
    floats_.first = out;
    each_row([&](size_t r) {
      for (uint32_t i = 0; i < x.columns; i += kStepInputs)
        std::copy_n(x.row(r) + i, std::min(kStepInputs, x.columns - i), out[i / kStepInputs * x.rows + r].values);
    });
  } else {
    Prepared<QuantizedStep>& prepared = group == 32 ? by_32_ : by_256_;
    if (prepared.first != nullptr) return;
    QuantizedStep* out = prepared.memory.at_least(records);
    prepared.first = out;
    each_row([&](size_t r) { workers_.kernels.quantize(x.row(r), x.columns, group, out + r, x.rows); });
  }
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
  PanelProduct task{.panel = nullptr, .columns = x.columns, .zero = packer.zero, .table = packer.table, .floats = nullptr,
                    .quantized = nullptr, .step_stride = x.rows, .rows = 0,
                    .unpack = false, .fetch_steps = choices_.fetch_steps, .out = worker.sums.at_least(kRowsAtOnce * kPanelRows)};
  const QuantizedStep* quantized = packer.activation_group == 32 ? by_32_.first : by_256_.first;
  for (uint32_t row = 0; row < product->rows; row += kRowsAtOnce) {
    task.rows = std::min(kRowsAtOnce, product->rows - row);
    task.unpack = task.rows > (packer.activation_group == 0 ? choices_.direct_float_rows : choices_.direct_rows);
    if (packer.activation_group == 0) task.floats = floats_.first + product->first_row + row;
    else task.quantized = quantized + product->first_row + row;
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
