#include "ops/reference/reference_backend.h"

#include "ops/reference/decoded_weight.h"
#include "ops/reference/operations.h"

namespace hearth::ops::reference {

namespace {

// Copies each weight as it is added: there is nothing to gain from waiting.
class CopyAtOnce final : public Packing {
 public:
  Result<std::unique_ptr<Weight>> add(std::span<const WeightSource> parts) override {
    HEARTH_TRY(weight, DecodedWeight::make(parts));
    bytes_ += weight->bytes;
    for (const WeightSource& part : parts) sources_.push_back(part.bytes);
    return weight;
  }
  uint64_t bytes() const override { return bytes_; }
  Result<void> run(const PackEvents& events, ImageStore* /*kept*/) override {
    uint64_t done = 0;
    for (const auto& source : sources_) {
      if (events.packed) events.packed(source);
      done += source.size();
      if (events.progress) events.progress(done);
    }
    return {};
  }

 private:
  std::vector<std::span<const std::byte>> sources_;
  uint64_t bytes_ = 0;
};

class ReferenceBackend final : public Backend {
 public:
  std::string_view name() const override { return "reference"; }
  std::string summary() const override { return "reference: plain loops over decoded weights, sums in double, 1 thread"; }

  std::unique_ptr<Packing> begin_packing() override { return std::make_unique<CopyAtOnce>(); }
  Buffer allocate(size_t bytes) override { return Buffer(bytes); }

  void embed(const Weight& table, std::span<const int32_t> tokens, Matrix out) override {
    reference::embed(table, tokens, out);
  }
  void matmul(const Weight& weight, ConstMatrix x, Matrix out, const MatmulOptions& options) override {
    reference::matmul(weight, x, out, options);
  }
  void norm(ConstMatrix x, Matrix out, const NormOptions& options) override { reference::norm(x, out, options); }
  void rope(Matrix x, ConstMatrix angles, const RopeOptions& options) override { reference::rope(x, angles, options); }
  void kv_append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step) override {
    reference::kv_append(k, v, layer, step);
  }
  void attention(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out,
                 const AttentionOptions& options) override {
    reference::attention(q, layer, step, out, options);
  }
  void scale(Matrix x, float factor) override { reference::scale(x, factor); }
  void softcap(Matrix x, float cap) override { reference::softcap(x, cap); }
  void gather_rows(ConstMatrix x, std::span<const uint32_t> rows, Matrix out) override {
    reference::gather_rows(x, rows, out);
  }
  void softmax_sums(ConstMatrix logits, std::span<const uint32_t> rows, std::span<SoftmaxSums> sums) override {
    reference::softmax_sums(logits, rows, sums);
  }
  void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options) override {
    reference::route(logits, routes, options);
  }
  void experts(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
               const ExpertOptions& options) override {
    reference::experts(x, experts, routes, out, options);
  }
  void short_conv(ConstMatrix x, const float* kernel, const float* bias, uint32_t taps, const SlotLayer& layer,
                  const Step& step, Matrix out) override {
    reference::short_conv(x, kernel, bias, taps, layer, step, out);
  }
};

}  // namespace

std::unique_ptr<Backend> make_backend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace hearth::ops::reference
