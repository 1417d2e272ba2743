#include "ops/cpu/matmul.h"

#include <cstring>

#include "base/check.h"

namespace hearth::ops::cpu {

namespace {

// Panels of one chunk stay in the second-level cache while all rows pass over them.
constexpr size_t kChunkBytes = 256 << 10;
constexpr uint32_t kFewRows = 8;  // up to which time is reading: chunks become smaller towards the end, outputs are not asked for
// Of activations, by tiles: they stay in the second-level cache while panels pass over them.
constexpr size_t kTileRowsBytes = 1 << 20;
// The sums of a run's panels; of a gated product's, two such.
constexpr size_t kSums = size_t{std::max(kRowsAtOnce, 2 * kTileRowsAtOnce)} * kPanelRows;

void deliver(const float* sums, float* out, uint32_t outputs, bool accumulate) {
  if (!accumulate && outputs == kPanelRows) {
    std::memcpy(out, sums, kPanelRows * sizeof(float));
    return;
  }
  for (uint32_t i = 0; i < outputs; ++i) out[i] = accumulate ? out[i] + sums[i] : sums[i];
}

}  // namespace

void Multiplier::multiply(ConstMatrix x, const NormOptions* norm, std::span<const Product> products) {
  floats_.first = nullptr;
  bf16_.first = nullptr;
  by_32_.first = by_256_.first = nullptr;
  for (OfWorker& worker : of_worker_) {  // for all alike: who takes which chunk differs from step to step
    worker.sums.at_least(2 * kSums);
    worker.row.at_least(x.columns);
  }
  for (const Product& product : products) {
    const uint32_t outputs = product.gated ? product.weight->rows / 2 : product.weight->rows;
    HEARTH_CHECK(product.weight->columns == x.columns && product.out.columns == outputs, "shapes of a product");
    for (const auto& part : product.weight->parts()) {
      prepare(x, norm, *part.packer);
      if (!part.packer->stored) continue;
      for (OfWorker& worker : of_worker_) worker.decoded.at_least(size_t{x.columns} * kPanelRows);
    }
  }
  plan_chunks(products);
  share(x);
}

// Each call of the body takes one chunk. On several memory nodes it is one that lies beside the worker, as long as there is one.
void Multiplier::share(ConstMatrix x) {
  const Placement& placement = workers_.placement;
  if (placement.nodes == 1)
    return workers_.pool.parallel(chunks_.size(), [&](size_t c, unsigned worker) { run(chunks_[c], x, of_worker_[worker]); });
  node_of_chunk_.clear();
  for (const Chunk& chunk : chunks_) node_of_chunk_.push_back(placement.node_of(chunk.first_panel, chunk.part->panels()));
  queues_.assign(node_of_chunk_);
  workers_.pool.parallel(chunks_.size(), [&](size_t, unsigned worker) {
    if (const auto c = queues_.any(worker)) run(chunks_[*c], x, of_worker_[worker]);
  });
}

bool Multiplier::reads_bf16(const Packer& packer) const {
  return packer.bf16 && workers_.kernels.products->round_bf16 != nullptr;
}

template <class Step, class Fill>
void Multiplier::fill(Prepared<Step>& prepared, ConstMatrix x, const NormOptions* norm, Fill row_into) {
  if (prepared.first != nullptr) return;
  const size_t steps = (size_t{x.columns} + kStepInputs - 1) / kStepInputs;
  Step* out = prepared.memory.at_least(steps * x.rows + kSpareRecords);
  prepared.first = out;
  workers_.rows(x.rows, x.columns, [&](size_t first, size_t end, unsigned worker) {
    float* normed = norm != nullptr ? of_worker_[worker].row.at_least(x.columns) : nullptr;
    for (size_t r = first; r < end; ++r) {
      if (norm != nullptr) norm_row(workers_.kernels, x.row(r), normed, x.columns, *norm);
      row_into(norm != nullptr ? normed : x.row(r), out + r);
    }
  });
}

void Multiplier::prepare(ConstMatrix x, const NormOptions* norm, const Packer& packer) {
  const uint32_t group = packer.activation_group;
  if (reads_bf16(packer)) {
    fill(bf16_, x, norm,
         [&](const float* row, Bf16Step* out) { workers_.kernels.products->round_bf16(row, x.columns, out, x.rows); });
  } else if (group == 0) {
    fill(floats_, x, norm, [&](const float* row, FloatStep* out) {
      for (uint32_t i = 0; i < x.columns; i += kStepInputs)
        std::copy_n(row + i, std::min(kStepInputs, x.columns - i), out[i / kStepInputs * x.rows].values);
    });
  } else {
    fill(group == 32 ? by_32_ : by_256_, x, norm,
         [&](const float* row, QuantizedStep* out) { workers_.kernels.quantize(row, x.columns, group, out, x.rows); });
  }
}

void Multiplier::point(PanelProduct& task, const Packer& packer, uint32_t row) const {
  if (reads_bf16(packer)) task.bf16 = bf16_.first + row;
  else if (packer.activation_group == 0) task.floats = floats_.first + row;
  else task.quantized = (packer.activation_group == 32 ? by_32_ : by_256_).first + row;
}

// With few rows chunks become smaller towards the end, so that threads end together; with many, small ones would read the rows too often.
void Multiplier::plan_chunks(std::span<const Product> products) {
  chunks_.clear();
  size_t left = 0;
  uint32_t most_rows = 0;
  for (const Product& product : products) {
    most_rows = std::max(most_rows, product.rows);
    for (const auto& part : product.weight->parts()) left += part.panels();
  }
  const bool are_few = most_rows <= kFewRows;
  const size_t threads = workers_.pool.threads(), fair = std::max<size_t>(1, left / (8 * threads));
  const auto plan = [&](const Product& product, const PackedWeight::Part& part, const PackedWeight::Part* up) {
    const size_t parts = up != nullptr ? 2 : 1, bytes = std::max<size_t>(1, part.panel_bytes + (up != nullptr ? up->panel_bytes : 0));
    for (uint32_t p = 0; p < part.panels();) {
      const size_t most = are_few ? std::max(fair / 4, left / (3 * threads)) : fair;
      const size_t count = std::max<size_t>(1, std::min(kChunkBytes / bytes, most / parts));
      const uint32_t end = p + static_cast<uint32_t>(std::min<size_t>(count, part.panels() - p));
      chunks_.push_back({&product, &part, up, p, end});
      left -= (end - p) * parts;
      p = end;
    }
  };
  for (const Product& product : products) {
    const auto parts = product.weight->parts();
    if (!product.gated) {
      for (const auto& part : parts) plan(product, part, nullptr);
      continue;
    }
    HEARTH_CHECK(parts.size() == 2 && parts[0].rows == parts[1].rows, "gate and up are parts of equal rows");
    plan(product, parts[0], &parts[1]);
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

ProductFn* Multiplier::by_tiles(const Packer& packer, uint32_t rows) const {
  const ProductTable& kernels = *workers_.kernels.products;
  ProductFn* tiles = kernels.by_tiles[packer.layout];
  return rows >= choices_[packer.layout].tile_rows || tiles == kernels.of[packer.layout] ? tiles : nullptr;
}

uint32_t Multiplier::rows_at_once(const Packer& packer, uint32_t columns, uint32_t rows) const {
  if (by_tiles(packer, rows) == nullptr) return kRowsAtOnce;
  const size_t of_row = (columns + kStepInputs - 1) / kStepInputs * (reads_bf16(packer) ? sizeof(Bf16Step) : sizeof(QuantizedStep));
  return static_cast<uint32_t>(std::clamp<size_t>(kTileRowsBytes / of_row / 32 * 32, kRowsAtOnce, kTileRowsAtOnce));
}

// Where there are few rows, time is reading: as many panels are read in one run as the sums have room for, one row's by twos where that
// is chosen. Of a gated product first the gate's, then up's, for a thread that goes to and fro between them panel by panel reads slower.
void Multiplier::run(const Chunk& chunk, ConstMatrix x, OfWorker& worker) {
  const auto& [product, part, up, first_panel, end_panel] = chunk;
  float* sums = worker.sums.at_least(2 * kSums);
  float* of_up = sums + kSums;
  const auto at_once_of = [&](const PackedWeight::Part& p) { return rows_at_once(*p.packer, x.columns, product->rows); };
  const uint32_t at_once = up != nullptr ? std::min(at_once_of(*part), at_once_of(*up)) : at_once_of(*part);
  const bool tiled = by_tiles(*part->packer, product->rows) != nullptr || (up != nullptr && by_tiles(*up->packer, product->rows) != nullptr);
  for (uint32_t row = 0; row < product->rows; row += at_once) {
    const uint32_t rows = std::min(at_once, product->rows - row);
    const uint32_t room = (tiled ? (rows + 15) / 16 * 16 : rows) * kPanelRows;
    const uint32_t together = std::max(tiled ? 2u : 1u, kRowsAtOnce * kPanelRows / room);
    for (uint32_t first = first_panel; first < end_panel; first += together) {
      const uint32_t count = std::min(together, end_panel - first);
      if (rows > kFewRows)
        for (uint32_t i = 0; i < count; ++i) fetch_out(*product, *part, first + i, row, rows);
      multiply_panels(*product, *part, first, count, x, row, rows, worker, sums, room);
      if (up != nullptr) {
        multiply_panels(*product, *up, first, count, x, row, rows, worker, of_up, room);
        workers_.kernels.gated(sums, of_up, sums, count * room, *product->gated);
      }
      for (uint32_t i = 0; i < count; ++i) deliver_panel(*product, *part, first + i, row, rows, sums + i * room);
    }
  }
}

// The lines that a panel's sums will be written to are far apart: asked for before it is multiplied, they are there when it has been.
void Multiplier::fetch_out(const Product& product, const PackedWeight::Part& part, uint32_t panel, uint32_t row, uint32_t rows) {
  for (uint32_t r = 0; r < rows; ++r) __builtin_prefetch(product.out.row(row + r) + part.first_row + panel * kPanelRows, 1, 2);
}

void Multiplier::deliver_panel(const Product& product, const PackedWeight::Part& part, uint32_t panel, uint32_t row,
                               uint32_t rows, const float* sums) {
  const uint32_t first = panel * kPanelRows, outputs = std::min(kPanelRows, part.rows - first);
  for (uint32_t r = 0; r < rows; ++r)
    deliver(sums + r * kPanelRows, product.out.row(row + r) + part.first_row + first, outputs, product.accumulate);
}

void Multiplier::multiply_panels(const Product& product, const PackedWeight::Part& part, uint32_t first, uint32_t count, ConstMatrix x,
                                 uint32_t row, uint32_t rows, OfWorker& worker, float* sums, uint32_t room) {
  const Packer& packer = *part.packer;
  const LayoutChoices& choices = choices_[packer.layout];
  PanelProduct task{.panel = nullptr, .columns = x.columns, .zero = packer.zero, .table = packer.table, .floats = nullptr, .bf16 = nullptr,
                    .quantized = nullptr, .step_stride = x.rows, .rows = rows, .unpack = rows > choices.direct_rows,
                    .fetch_steps = rows >= choices.fetch_rows ? choices.fetch_steps : 0, .out = nullptr};
  point(task, packer, product.first_row + row);
  ProductFn* tiles = by_tiles(packer, product.rows);
  const bool by_turns = choices.two_panels && product.rows == 1 && !packer.stored && !reads_bf16(packer);
  for (uint32_t i = 0; i < count; i += task.second != nullptr ? 2 : 1) {
    task.panel = panel_of(part, x.columns, first + i, worker);
    task.out = sums + i * room;
    const bool two = (tiles != nullptr || by_turns) && i + 1 < count;
    task.second = two ? part.panel(first + i + 1) : nullptr;
    task.second_out = task.out + room;
    (tiles != nullptr ? tiles : workers_.kernels.products->of[packer.layout])(task);
    for (uint32_t p = i; p <= i + two; ++p) add_bias(product, part, first + p, rows, sums + p * room);
  }
}

void Multiplier::add_bias(const Product& product, const PackedWeight::Part& part, uint32_t panel, uint32_t rows, float* sums) {
  if (product.bias == nullptr) return;
  const uint32_t first = part.first_row + panel * kPanelRows, outputs = std::min(kPanelRows, part.rows - panel * kPanelRows);
  for (uint32_t r = 0; r < rows; ++r)
    for (uint32_t i = 0; i < outputs; ++i) sums[r * kPanelRows + i] += product.bias[first + i];
}

}  // namespace hearth::ops::cpu
