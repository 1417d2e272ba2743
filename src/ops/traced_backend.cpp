#include "ops/traced_backend.h"

namespace hearth::ops {

namespace {

class TracedBackend final : public Backend {
 public:
  TracedBackend(std::unique_ptr<Backend> inner, Trace& trace) : inner_(std::move(inner)), trace_(&trace) {}

  std::string_view name() const override { return inner_->name(); }
  std::string summary() const override { return inner_->summary() + ", traced"; }
  Trace* trace() const override { return trace_; }

  std::unique_ptr<Packing> begin_packing() override { return inner_->begin_packing(); }
  Buffer allocate(size_t bytes) override { return inner_->allocate(bytes); }

  void embed(const Weight& table, std::span<const int32_t> tokens, Matrix out) override {
    const Trace::Operation span(trace_, of(table, "embed", out.rows));
    inner_->embed(table, tokens, out);
  }
  void matmul(const Weight& weight, ConstMatrix x, Matrix out, const MatmulOptions& options) override {
    const Trace::Operation span(trace_, of(weight, "matmul", x.rows));
    inner_->matmul(weight, x, out, options);
  }
  void norm(ConstMatrix x, Matrix out, const NormOptions& options) override {
    const Trace::Operation span(trace_, {.name = "norm", .rows = x.rows});
    inner_->norm(x, out, options);
  }
  void rope(Matrix x, ConstMatrix angles, const RopeOptions& options) override {
    const Trace::Operation span(trace_, {.name = "rope", .rows = x.rows});
    inner_->rope(x, angles, options);
  }
  void kv_append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step) override {
    const Trace::Operation span(trace_, {.name = "kv_append", .rows = k.rows});
    inner_->kv_append(k, v, layer, step);
  }
  void attention(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out,
                 const AttentionOptions& options) override {
    const Trace::Operation span(trace_, {.name = "attention", .rows = q.rows});
    inner_->attention(q, layer, step, out, options);
  }
  void scale(Matrix x, float factor) override {
    const Trace::Operation span(trace_, {.name = "scale", .rows = x.rows});
    inner_->scale(x, factor);
  }
  void softcap(Matrix x, float cap) override {
    const Trace::Operation span(trace_, {.name = "softcap", .rows = x.rows});
    inner_->softcap(x, cap);
  }
  void gather_rows(ConstMatrix x, std::span<const uint32_t> rows, Matrix out) override {
    const Trace::Operation span(trace_, {.name = "gather_rows", .rows = out.rows});
    inner_->gather_rows(x, rows, out);
  }
  void softmax_sums(ConstMatrix logits, std::span<const uint32_t> rows, std::span<SoftmaxSums> sums) override {
    const Trace::Operation span(trace_, {.name = "softmax_sums", .rows = static_cast<uint32_t>(rows.size())});
    inner_->softmax_sums(logits, rows, sums);
  }
  void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options) override {
    const Trace::Operation span(trace_, {.name = "route", .rows = logits.rows});
    inner_->route(logits, routes, options);
  }
  void experts(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
               const ExpertOptions& options) override {
    const Trace::Operation span(trace_, of(*experts[0].gate_up, "experts", x.rows));
    inner_->experts(x, experts, routes, out, options);
  }
  void short_conv(ConstMatrix x, const float* kernel, const float* bias, uint32_t taps, const SlotLayer& layer,
                  const Step& step, Matrix out) override {
    const Trace::Operation span(trace_, {.name = "short_conv", .rows = x.rows});
    inner_->short_conv(x, kernel, bias, taps, layer, step, out);
  }

 private:
  static Trace::What of(const Weight& weight, std::string_view name, uint32_t rows) {
    return {.name = name, .format = weight.format_name, .outputs = weight.rows, .inputs = weight.columns, .rows = rows};
  }

  std::unique_ptr<Backend> inner_;
  Trace* trace_;
};

}  // namespace

std::unique_ptr<Backend> make_traced_backend(std::unique_ptr<Backend> backend, Trace& trace) {
  return std::make_unique<TracedBackend>(std::move(backend), trace);
}

}  // namespace hearth::ops
