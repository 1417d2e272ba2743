#include "ops/cpu/cpu_backend.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/cpu_info.h"
#include "ops/cpu/attention.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/experts.h"
#include "ops/cpu/matmul.h"
#include "ops/cpu/packing.h"
#include "ops/cpu/tuning_file.h"

namespace hearth::ops::cpu {

namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend(const KernelTable& kernels, const ProductChoices& choices, unsigned threads, Trace* trace)
      : topology_(machine_topology()),
        placement_(place_workers(topology_, threads)),
        pool_(threads, trace, [this](unsigned worker) {
          if (placement_.nodes > 1) bind_to_node(topology_, placement_.node_of_worker[worker]);
        }),
        workers_{kernels, pool_, placement_},
        multiplier_(workers_, choices) {}

  std::string_view name() const override { return "cpu"; }
  std::string summary() const override {
    return fmt::format("cpu: {} kernels, {} thread{}{}", kernels().isa, pool_.threads(), pool_.threads() == 1 ? "" : "s",
                       amx_refused() ? " (the operating system refused AMX)" : "");
  }

  std::unique_ptr<Packing> begin_packing() override { return make_packing(pool_, placement_); }
  Buffer allocate(size_t bytes) override { return Buffer(bytes); }

  void embed(const Weight& table, std::span<const int32_t> tokens, Matrix out) override {
    workers_.rows(tokens.size(), table.columns, [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) packed(table).read_row(static_cast<uint32_t>(tokens[i]), out.row(i));
    });
  }

  void matmul(const Weight& weight, ConstMatrix x, Matrix out, const MatmulOptions& options) override {
    const Product product{&packed(weight), 0, x.rows, out, options.bias, options.gated, options.accumulate};
    multiplier_.multiply(x, options.norm, {&product, 1});
  }

  void norm(ConstMatrix x, Matrix out, const NormOptions& options) override {
    each_row(x, [&](size_t r) { norm_row(kernels(), x.row(r), out.row(r), x.columns, options); });
  }

  void rope(Matrix x, ConstMatrix angles, const RopeOptions& options) override {
    each_row(x, [&](size_t r) {
      for (size_t h = 0; h < options.heads; ++h)
        kernels().rope(x.row(r) + h * options.head_dim, angles.row(r), options.dims, options.interleaved);
    });
  }

  void kv_append(ConstMatrix k, ConstMatrix v, const KvLayer& layer, const Step& step) override {
    attender_.append(k, v, layer, step);
  }
  void attention(ConstMatrix q, const KvLayer& layer, const Step& step, Matrix out,
                 const AttentionOptions& options) override {
    attender_.attend(q, layer, step, out, options);
  }

  void scale(Matrix x, float factor) override {
    each_row(x, [&](size_t r) { kernels().scale(x.row(r), x.columns, factor); });
  }
  void softcap(Matrix x, float cap) override {
    each_row(x, [&](size_t r) { kernels().softcap(x.row(r), x.columns, cap); });
  }
  void gather_rows(ConstMatrix x, std::span<const uint32_t> rows, Matrix out) override {
    for (size_t r = 0; r < rows.size(); ++r) std::copy_n(x.row(rows[r]), x.columns, out.row(r));
  }

  void softmax_sums(ConstMatrix logits, std::span<const uint32_t> rows, std::span<SoftmaxSums> sums) override {
    workers_.rows(rows.size(), logits.columns, [&](size_t first, size_t end) {
      for (size_t i = first; i < end; ++i) sums[i] = kernels().softmax_sums(logits.row(rows[i]), logits.columns);
    });
  }

  void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options) override {
    cpu::route(logits, routes, options);
  }
  void experts(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
               const ExpertOptions& options) override {
    mixer_.mix(x, experts, routes, out, options);
  }

  void short_conv(ConstMatrix x, const float* kernel, const float* bias, uint32_t taps, const SlotLayer& layer,
                  const Step& step, Matrix out) override;

 private:
  const KernelTable& kernels() const { return workers_.kernels; }

  template <class Body>
  void each_row(ConstMatrix x, Body body) const {
    workers_.rows(x.rows, x.columns, [&](size_t first, size_t end) {
      for (size_t r = first; r < end; ++r) body(r);
    });
  }

  const Topology topology_;
  const Placement placement_;
  ThreadPool pool_;
  Workers workers_;
  Multiplier multiplier_;
  Attender attender_{workers_};
  ExpertMixer mixer_{workers_, multiplier_};
  Scratch<float> convolved_;
};

void CpuBackend::short_conv(ConstMatrix x, const float* kernel, const float* bias, uint32_t taps, const SlotLayer& layer,
                            const Step& step, Matrix out) {
  const uint32_t width = out.columns, kept = taps - 1;
  HEARTH_CHECK(x.columns == 3 * width && layer.floats >= kept * width, "shapes of a short convolution");
  for (const SequenceRows& sequence : step.sequences) {
    float* slot = layer.slot(sequence.slot);
    float* u = convolved_.at_least(size_t{sequence.rows + kept} * width);  // the slot's values, then one row per token
    std::copy_n(slot, size_t{kept} * width, u);
    const ConstMatrix own{x.row(sequence.first_row), sequence.rows, x.columns, x.stride};
    each_row(own, [&](size_t r) {
      for (uint32_t c = 0; c < width; ++c) u[(r + kept) * width + c] = own.row(r)[c] * own.row(r)[2 * width + c];
    });
    each_row(own, [&](size_t r) {
      kernels().short_conv(u + r * width, kernel, bias, taps, width, own.row(r) + width, out.row(sequence.first_row + r));
    });
    std::copy_n(u + size_t{sequence.rows} * width, size_t{kept} * width, slot);
  }
}

}  // namespace

Result<std::unique_ptr<Backend>> make_backend(const CpuOptions& options) {
  HEARTH_TRY(kernels, choose_table(options.isa));
  return make_backend(*kernels, options);
}

std::unique_ptr<Backend> make_backend(const KernelTable& kernels, const CpuOptions& options) {
  const auto tuned = load_tuning(options.tuning_folder, kernels);
  return std::make_unique<CpuBackend>(kernels, tuned ? *tuned : product_choices(kernels),
                                      options.threads != 0 ? options.threads : granted_cpus(), options.trace);
}

}  // namespace hearth::ops::cpu
