// What a model needs beside its weights: the state of sequences, and a step's activations (the buffers of Scratch, each as
// large as the largest block makes it).
#include <algorithm>

#include "model/model.h"
#include "ops/matrix.h"

namespace hearth::model {

namespace {

using ops::row_stride;

uint32_t group_of(std::vector<uint32_t>& windows, uint32_t window) {
  const auto found = std::ranges::find(windows, window);
  if (found == windows.end()) windows.push_back(window);
  return static_cast<uint32_t>(std::ranges::find(windows, window) - windows.begin());
}

struct RowFloats {
  uint64_t projected = 0, mixed = 0, input = 0, experts = 0;  // input: the widest that a matrix product reads

  void add(const Attention& a, uint32_t width) {
    const uint32_t q = a.heads * a.head_dim, kv = a.kv_heads * a.head_dim;
    at_least({row_stride(q + 2 * kv), row_stride(q), std::max(q, width), 0});
  }
  void add(const ShortConv&, uint32_t width) { at_least({row_stride(3 * width), row_stride(width), width, 0}); }
  void add(const Dense& d, uint32_t width) { at_least({row_stride(d.hidden), 0, std::max(d.hidden, width), 0}); }
  void add(const Moe& m, uint32_t width) {  // the normed copy; rows gathered per expert, the inside, answers
    const uint64_t of_choice = 2 * row_stride(width) + row_stride(m.hidden);
    at_least({row_stride(m.experts), 0, std::max(m.hidden, width), row_stride(width) + m.router.active * of_choice});
  }

 private:
  void at_least(const RowFloats& other) {
    projected = std::max(projected, other.projected);
    mixed = std::max(mixed, other.mixed);
    input = std::max(input, other.input);
    experts = std::max(experts, other.experts);
  }
};

}  // namespace

StateShape state_shape_of(const ModelPlan& plan) {
  StateShape shape;
  for (uint32_t i = 0; i < plan.layers.size(); ++i) {
    if (const auto* attention = std::get_if<Attention>(&plan.layers[i].mixer))
      shape.kv.push_back({.layer = i,
                          .group = group_of(shape.group_windows, attention->window),
                          .kv_heads = attention->kv_heads,
                          .k_dim = attention->head_dim,
                          .v_dim = attention->head_dim});
    else
      shape.slots.push_back({.layer = i, .floats = (std::get<ShortConv>(plan.layers[i].mixer).taps - 1) * plan.width});
  }
  return shape;
}

uint64_t step_bytes(const ModelPlan& plan, uint32_t rows, uint32_t logit_rows) {
  RowFloats most;
  uint64_t always = row_stride(plan.width);  // the stream
  bool has_sandwich = false;
  for (const Layer& layer : plan.layers) {
    std::visit([&](const auto& mixer) { most.add(mixer, plan.width); }, layer.mixer);
    std::visit([&](const auto& ffn) { most.add(ffn, plan.width); }, layer.ffn);
    has_sandwich = has_sandwich || layer.sandwich;
  }
  if (has_sandwich) always += row_stride(plan.width);
  uint32_t angles = 0;
  for (const Rope& rope : plan.ropes) angles += rope.dims();
  always += row_stride(angles);
  // Integer products read their input as codes with scales and sums: a third of its floats.
  const uint64_t row_bytes = (always + most.projected + most.mixed + most.experts) * sizeof(float) + most.input * 4 / 3;
  return rows * row_bytes + uint64_t{logit_rows} * (plan.vocab + row_stride(plan.width)) * sizeof(float);
}

}  // namespace hearth::model
