#include "ops/filling_backend.h"

#include <vector>

#include "base/random.h"

namespace hearth::ops {

namespace {

// A prime: rows of a matrix do not begin at the same number again.
constexpr size_t kNumbers = 65521;

class FillingBackend final : public Backend {
 public:
  FillingBackend(std::unique_ptr<Backend> inner, const bool& fill) : inner_(std::move(inner)), fill_(fill) {}

  std::string_view name() const override { return inner_->name(); }
  std::string summary() const override { return inner_->summary(); }
  Trace* trace() const override { return inner_->trace(); }
  std::unique_ptr<Packing> begin_packing() override { return inner_->begin_packing(); }
  Buffer allocate(size_t bytes) override { return inner_->allocate(bytes); }

  void kv_append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step) override {
    if (fill_) k = numbers(k, keys_), v = numbers(v, values_);
    inner_->kv_append(k, v, layer, step);
  }

  void embed(const Weight& table, std::span<const int32_t> tokens, Matrix out) override {
    if (!fill_) inner_->embed(table, tokens, out);
  }
  void matmul(const Weight& weight, ConstMatrix x, Matrix out, const MatmulOptions& options) override {
    if (!fill_) inner_->matmul(weight, x, out, options);
  }
  void norm(ConstMatrix x, Matrix out, const NormOptions& options) override {
    if (!fill_) inner_->norm(x, out, options);
  }
  void rope(Matrix x, ConstMatrix angles, const RopeOptions& options) override {
    if (!fill_) inner_->rope(x, angles, options);
  }
  void attention(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out, const AttentionOptions& options) override {
    if (!fill_) inner_->attention(q, layer, step, out, options);
  }
  void scale(Matrix x, float factor) override {
    if (!fill_) inner_->scale(x, factor);
  }
  void softcap(Matrix x, float cap) override {
    if (!fill_) inner_->softcap(x, cap);
  }
  void gather_rows(ConstMatrix x, std::span<const uint32_t> rows, Matrix out) override {
    if (!fill_) inner_->gather_rows(x, rows, out);
  }
  void softmax_sums(ConstMatrix logits, std::span<const uint32_t> rows, std::span<SoftmaxSums> sums) override {
    inner_->softmax_sums(logits, rows, sums);  // whatever the logits are, a token is chosen
  }
  void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options) override {
    if (!fill_) inner_->route(logits, routes, options);
  }
  void experts(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
               const ExpertOptions& options) override {
    if (!fill_) inner_->experts(x, experts, routes, out, options);
  }
  void short_conv(ConstMatrix x, const float* kernel, const float* bias, uint32_t taps, const SlotLayer& layer, const Step& step,
                  Matrix out) override {
    if (!fill_) inner_->short_conv(x, kernel, bias, taps, layer, step, out);
  }

 private:
  // A matrix of the same shape whose rows begin at different places of `memory`.
  ConstMatrix numbers(ConstMatrix shape, std::vector<float>& memory) {
    const size_t count = size_t{shape.rows} * shape.columns;
    if (memory.size() < count) {
      for (size_t i = memory.size(); i < std::min(count, kNumbers); ++i) memory.push_back(static_cast<float>(2 * random_.uniform() - 1));
      while (memory.size() < count) memory.push_back(memory[memory.size() - kNumbers]);
    }
    return {memory.data(), shape.rows, shape.columns, shape.columns};
  }

  const std::unique_ptr<Backend> inner_;
  const bool& fill_;
  std::vector<float> keys_, values_;
  Random random_{7};
};

}  // namespace

std::unique_ptr<Backend> make_filling_backend(std::unique_ptr<Backend> backend, const bool& fill) {
  return std::make_unique<FillingBackend>(std::move(backend), fill);
}

}  // namespace hearth::ops
