#include "ops/cpu/experts.h"

#include <cmath>

#include "base/check.h"

namespace hearth::ops::cpu {

namespace {

// The `active` largest logits, ties to the lower index.
void take_best(std::span<const float> logits, std::span<Route> routes) {
  size_t filled = 0;
  for (uint32_t e = 0; e < logits.size(); ++e) {  // insertion: `active` is small
    size_t at = filled < routes.size() ? filled++ : routes.size();
    for (; at > 0 && logits[e] > routes[at - 1].weight; --at)
      if (at < routes.size()) routes[at] = routes[at - 1];
    if (at < routes.size()) routes[at] = {e, logits[e]};
  }
}

// Softmax over all logits, or sigmoid of each: turns routes' logits into scores.
void score(std::span<const float> logits, std::span<Route> routes, RouterOptions::Score kind) {
  if (kind == RouterOptions::Score::kSigmoid) {
    for (Route& r : routes) r.weight = 1 / (1 + std::exp(-r.weight));
    return;
  }
  const float top = routes[0].weight;
  float sum = 0;
  for (float logit : logits) sum += std::exp(logit - top);
  for (Route& r : routes) r.weight = std::exp(r.weight - top) / sum;
}

}  // namespace

void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options) {
  HEARTH_CHECK(routes.size() == size_t{logits.rows} * options.active && options.active <= logits.columns,
               "routes: active per row");
  for (uint32_t r = 0; r < logits.rows; ++r) {
    const std::span<const float> row(logits.row(r), logits.columns);
    const std::span<Route> best = routes.subspan(size_t{r} * options.active, options.active);
    take_best(row, best);
    score(row, best, options.score);
    float sum = 0;
    for (const Route& b : best) sum += b.weight;
    for (Route& b : best) b.weight *= options.scale / (options.renormalize ? sum : 1);
  }
}

void ExpertMixer::group(std::span<const Route> routes, size_t experts) {
  next_.assign(experts + 1, 0);
  for (const Route& route : routes) ++next_[route.expert + 1];
  for (size_t e = 0; e < experts; ++e) next_[e + 1] += next_[e];
  runs_.clear();
  for (uint32_t e = 0; e < experts; ++e)
    if (next_[e + 1] > next_[e]) runs_.push_back({e, next_[e], next_[e + 1] - next_[e]});
  place_of_.resize(routes.size());
  for (size_t i = 0; i < routes.size(); ++i) place_of_[i] = next_[routes[i].expert]++;
}

void ExpertMixer::mix(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
                      const ExpertOptions& options) {
  const size_t active = options.active;
  HEARTH_CHECK(routes.size() == x.rows * active, "routes: active per row");
  if (routes.empty()) return;
  group(routes, experts.size());
  const auto rows = static_cast<uint32_t>(routes.size());
  const uint32_t width = experts[runs_[0].expert].gate_up->rows / 2;
  const auto matrix = [&](Scratch<float>& memory, uint32_t columns) {
    return Matrix{memory.at_least(rows * row_stride(columns)), rows, columns, row_stride(columns)};
  };
  const Matrix gathered = matrix(gathered_, x.columns), hidden = matrix(hidden_, width), answers = matrix(answers_, out.columns);
  workers_.rows(rows, x.columns, [&](size_t first, size_t end) {
    for (size_t i = first; i < end; ++i) std::copy_n(x.row(i / active), x.columns, gathered.row(place_of_[i]));
  });

  const auto products = [&](Matrix to, std::optional<Activation> gated, auto weight_of) -> std::span<const Product> {
    products_.clear();
    for (const Run& run : runs_)
      products_.push_back({.weight = &packed(*weight_of(experts[run.expert])), .first_row = run.first, .rows = run.rows,
                           .out = {to.row(run.first), run.rows, to.columns, to.stride}, .gated = gated});
    return products_;
  };
  multiplier_.multiply(gathered, nullptr, products(hidden, options.activation, [](const Expert& e) { return e.gate_up; }));
  multiplier_.multiply(hidden, nullptr, products(answers, {}, [](const Expert& e) { return e.down; }));
  workers_.rows(x.rows, out.columns * active, [&](size_t first, size_t end) {
    for (size_t r = first; r < end; ++r) {
      if (!options.accumulate) std::fill_n(out.row(r), out.columns, 0.0f);
      for (size_t i = r * active; i < (r + 1) * active; ++i)
        workers_.kernels.add(out.row(r), answers.row(place_of_[i]), out.columns, routes[i].weight);
    }
  });
}

}  // namespace hearth::ops::cpu
