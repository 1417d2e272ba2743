// Products with decoded weights: embedding rows, matrix products, routing and mixtures of experts.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/check.h"
#include "ops/reference/decoded_weight.h"
#include "ops/reference/operations.h"

namespace hearth::ops::reference {

void embed(const Weight& table, std::span<const int32_t> tokens, Matrix out) {
  for (size_t r = 0; r < tokens.size(); ++r)
    decoded(table).decode_row(static_cast<uint32_t>(tokens[r]), {out.row(r), table.columns});
}

// weight · x (+ bias): one output of one row.
static double product(std::span<const float> w, const float* x, const float* bias, uint32_t output) {
  double sum = bias != nullptr ? bias[output] : 0;
  for (size_t i = 0; i < w.size(); ++i) sum += double{w[i]} * x[i];
  return sum;
}

void matmul(const Weight& weight, ConstMatrix x, Matrix out, const MatmulOptions& options) {
  const uint32_t outputs = options.gated ? weight.rows / 2 : weight.rows;
  HEARTH_CHECK(x.columns == weight.columns && out.columns == outputs && out.rows == x.rows, "shapes of a product");
  if (options.norm != nullptr) {
    std::vector<float> normed(size_t{x.rows} * x.columns);
    const Matrix n{normed.data(), x.rows, x.columns, x.columns};
    norm(x, n, *options.norm);
    MatmulOptions rest = options;
    rest.norm = nullptr;
    return matmul(weight, n, out, rest);
  }
  std::vector<float> w(weight.columns), up(weight.columns);
  for (uint32_t o = 0; o < outputs; ++o) {
    decoded(weight).decode_row(o, w);
    if (options.gated) decoded(weight).decode_row(outputs + o, up);
    for (uint32_t r = 0; r < x.rows; ++r) {
      double sum = product(w, x.row(r), options.bias, o);
      if (options.gated)
        sum = activate(static_cast<float>(sum), *options.gated) * product(up, x.row(r), options.bias, outputs + o);
      float& to = out.row(r)[o];
      to = static_cast<float>(options.accumulate ? to + sum : sum);
    }
  }
}

static std::vector<double> scores_of(std::span<const float> logits, RouterOptions::Score kind) {
  std::vector<double> scores(logits.begin(), logits.end());
  if (kind == RouterOptions::Score::kSigmoid) {
    for (double& s : scores) s = 1 / (1 + std::exp(-s));
    return scores;
  }
  const double top = std::ranges::max(scores);
  double sum = 0;
  for (double& s : scores) sum += s = std::exp(s - top);
  for (double& s : scores) s /= sum;
  return scores;
}

void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options) {
  HEARTH_CHECK(routes.size() == size_t{logits.rows} * options.active && options.active <= logits.columns,
               "routes: active per row");
  for (uint32_t r = 0; r < logits.rows; ++r) {
    const std::vector<double> scores = scores_of({logits.row(r), logits.columns}, options.score);
    std::vector<uint32_t> order(logits.columns);
    std::iota(order.begin(), order.end(), 0u);
    // By logit, not score: a score is monotonic in its logit, and rounding must not create ties that the logits lack.
    std::ranges::stable_sort(order, [&](uint32_t a, uint32_t b) { return logits.row(r)[a] > logits.row(r)[b]; });
    double sum = 0;
    for (uint32_t k = 0; k < options.active; ++k) sum += scores[order[k]];
    for (uint32_t k = 0; k < options.active; ++k) {
      const double share = options.renormalize ? scores[order[k]] / sum : scores[order[k]];
      routes[size_t{r} * options.active + k] = {order[k], static_cast<float>(share * options.scale)};
    }
  }
}

void experts(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
             const ExpertOptions& options) {
  HEARTH_CHECK(routes.size() == size_t{x.rows} * options.active, "routes: active per row");
  std::vector<double> sum(out.columns);
  std::vector<float> answer(out.columns);
  for (uint32_t r = 0; r < x.rows; ++r) {
    for (uint32_t o = 0; o < out.columns; ++o) sum[o] = options.accumulate ? out.row(r)[o] : 0;
    for (const Route& route : routes.subspan(size_t{r} * options.active, options.active)) {
      const Expert& expert = experts[route.expert];
      const uint32_t hidden = expert.gate_up->rows / 2;
      std::vector<float> mixed(hidden);
      const Matrix gated{mixed.data(), 1, hidden, hidden};
      matmul(*expert.gate_up, {x.row(r), 1, x.columns, x.stride}, gated, {.gated = options.activation});
      matmul(*expert.down, gated, {answer.data(), 1, out.columns, answer.size()}, {});
      for (uint32_t o = 0; o < out.columns; ++o) sum[o] += double{route.weight} * answer[o];
    }
    std::ranges::copy(sum, out.row(r));
  }
}

}  // namespace hearth::ops::reference
