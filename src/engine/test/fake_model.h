#pragma once
// A model without arithmetic that notices every mistake of the engine: it writes each token, its position and its kind
// (prompt or generated) into the cache pages it is given, and its logits are a hash of everything it can read back there.
// A wrong page, position, window, slot or kernel kind gives other logits, so other tokens.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "engine/sampling/distribution.h"
#include "model/model.h"
#include "ops/backend.h"

namespace hearth::engine {

// Memory, and what the engine itself asks for: the fake model needs no operation.
class MemoryBackend final : public ops::Backend {
 public:
  std::string_view name() const override { return "memory"; }
  std::string summary() const override { return "memory"; }
  std::unique_ptr<ops::Packing> begin_packing() override { return nullptr; }  // it holds no weights
  Buffer allocate(size_t bytes) override { return Buffer(bytes); }
  void embed(const ops::Weight&, std::span<const int32_t>, ops::Matrix) override { refuse(); }
  void matmul(const ops::Weight&, ops::ConstMatrix, ops::Matrix, const ops::MatmulOptions&) override { refuse(); }
  void norm(ops::ConstMatrix, ops::Matrix, const ops::NormOptions&) override { refuse(); }
  void rope(ops::Matrix, ops::ConstMatrix, const ops::RopeOptions&) override { refuse(); }
  void kv_append(ops::ConstMatrix, ops::ConstMatrix, const ops::KvLayer&, const ops::Step&) override { refuse(); }
  void attention(ops::ConstMatrix, const ops::KvLayer&, const ops::Step&, ops::Matrix, const ops::AttentionOptions&) override { refuse(); }
  void scale(ops::Matrix, float) override { refuse(); }
  void softcap(ops::Matrix, float) override { refuse(); }
  void gather_rows(ops::ConstMatrix, std::span<const uint32_t>, ops::Matrix) override { refuse(); }
  void softmax_sums(ops::ConstMatrix logits, std::span<const uint32_t> rows, std::span<ops::SoftmaxSums> sums) override {
    for (size_t i = 0; i < rows.size(); ++i) {
      const std::span row(logits.row(rows[i]), logits.columns);
      const Distribution distribution = Distribution::measure(row);
      const bool finite = std::ranges::all_of(row, [](float x) { return std::isfinite(x); });
      sums[i] = {distribution.max, finite ? distribution.mass : std::numeric_limits<double>::quiet_NaN()};
    }
  }
  void route(ops::ConstMatrix, std::span<ops::Route>, const ops::RouterOptions&) override { refuse(); }
  void experts(ops::ConstMatrix, std::span<const ops::Expert>, std::span<const ops::Route>, ops::Matrix, const ops::ExpertOptions&) override {
    refuse();
  }
  void short_conv(ops::ConstMatrix, const float*, const float*, uint32_t, const ops::SlotLayer&, const ops::Step&, ops::Matrix) override {
    refuse();
  }

 private:
  [[noreturn]] static void refuse() {
    HEARTH_CHECK(false, "the fake model asks for memory only");
    __builtin_unreachable();
  }
};

struct FakeOptions {
  uint32_t vocab = 97, context = 256;
  std::vector<uint32_t> windows = {0};  // [group]; two layers each
  bool is_recurrent = false;
  bool breaks_at_token = false;         // logits become NaN where the newest token is 13
};

class FakeModel final : public model::Model {
 public:
  explicit FakeModel(FakeOptions options) : options_(std::move(options)) {
    plan_.vocab = options_.vocab;
    plan_.context = options_.context;
    shape_.group_windows = options_.windows;
    for (uint32_t layer = 0; layer < 2 * options_.windows.size(); ++layer)
      shape_.kv.push_back({.layer = layer, .group = layer % static_cast<uint32_t>(options_.windows.size()), .kv_heads = 1 + layer % 2,
                           .k_dim = 3, .v_dim = 1});
    if (options_.is_recurrent) shape_.slots = {{.layer = 100, .floats = 1}, {.layer = 101, .floats = 3}};
  }

  const model::ModelPlan& plan() const override { return plan_; }
  const model::StateShape& state_shape() const override { return shape_; }
  uint64_t weight_bytes() const override { return 0; }

  void forward(const ops::Step& step, const model::StateView& state, ops::Matrix logits) override {
    ++steps;
    if (on_forward) on_forward(step);
    most_rows = std::max(most_rows, step.rows());
    uint32_t next_row = 0, next_logits = 0;
    for (const ops::SequenceRows& rows : step.sequences) {
      ASSERT_EQ(rows.first_row, next_row);
      ASSERT_EQ(rows.pages.size(), shape_.group_windows.size());
      ASSERT_TRUE(rows.first_row >= step.generated_rows || rows.first_row + rows.rows <= step.generated_rows);
      next_row += rows.rows;
      for (uint32_t i = 0; i < rows.rows; ++i) {
        const uint32_t row = rows.first_row + i;
        ASSERT_EQ(step.positions[row], static_cast<int32_t>(rows.past + i));
        uint64_t seen = append(step, state, rows, i);
        for (const ops::KvLayer& layer : state.kv) seen = read(layer, rows, rows.past + i, seen);
        if (next_logits == step.logit_rows.size() || step.logit_rows[next_logits] != row) continue;
        fill({logits.row(next_logits++), options_.vocab}, seen, step.tokens[row]);
      }
    }
    ASSERT_EQ(next_row, step.rows());
    ASSERT_EQ(next_logits, step.logit_rows.size());
  }

  std::function<void(const ops::Step&)> on_forward;  // may be empty
  uint64_t steps = 0;
  uint32_t most_rows = 0;

 private:
  static uint64_t mix(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x9E3779B97F4A7C15 + (hash >> 17); }

  // Three numbers per token and head, in f32: the token, its position, its kind.
  uint64_t append(const ops::Step& step, const model::StateView& state, const ops::SequenceRows& rows, uint32_t i) {
    const uint32_t row = rows.first_row + i, position = rows.past + i;
    for (const ops::KvLayer& layer : state.kv)
      for (uint32_t head = 0; head < layer.kv_heads; ++head) {
        const uint32_t page = rows.pages[layer.group][position / layer.page_tokens], at = position % layer.page_tokens;
        float* key = reinterpret_cast<float*>(layer.keys(page, head)) + 3 * at;
        key[0] = static_cast<float>(step.tokens[row]);
        key[1] = static_cast<float>(position);
        key[2] = row < step.generated_rows ? 1 : 2;
        reinterpret_cast<float*>(layer.values(page, head))[at] = key[0] + 7 * static_cast<float>(head);
      }
    uint64_t seen = 1;
    for (const ops::SlotLayer& layer : state.slots)
      for (uint32_t k = 0; k < layer.floats; ++k) {
        float& value = layer.slot(rows.slot)[k];
        value = static_cast<float>((static_cast<int>(value) * 31 + step.tokens[row] + static_cast<int>(k) + 1) % 8191);
        seen = mix(seen, static_cast<uint64_t>(value));
      }
    return seen;
  }

  uint64_t read(const ops::KvLayer& layer, const ops::SequenceRows& rows, uint32_t position, uint64_t seen) const {
    const uint32_t window = shape_.group_windows[layer.group];
    const uint32_t first = window == 0 || position < window ? 0 : position + 1 - window;
    for (uint32_t j = first; j <= position; ++j)
      for (uint32_t head = 0; head < layer.kv_heads; ++head) {
        const uint32_t page = rows.pages[layer.group][j / layer.page_tokens], at = j % layer.page_tokens;
        const float* key = reinterpret_cast<const float*>(layer.keys(page, head)) + 3 * at;
        for (int k = 0; k < 3; ++k) seen = mix(seen, static_cast<uint64_t>(key[k]));
        seen = mix(seen, static_cast<uint64_t>(reinterpret_cast<const float*>(layer.values(page, head))[at]));
      }
    return seen;
  }

  void fill(std::span<float> logits, uint64_t seen, int32_t newest) const {
    Random random(seen);
    for (float& logit : logits) logit = static_cast<float>(random.uniform() * 8 - 4);
    if (options_.breaks_at_token && newest == 13) logits[5] = std::numeric_limits<float>::quiet_NaN();
  }

  const FakeOptions options_;
  model::ModelPlan plan_;
  model::StateShape shape_;
};

}  // namespace hearth::engine
