#include "engine/step_cost.h"

#include <algorithm>

namespace hearth::engine {

void StepLoad::add(uint32_t rows, uint32_t past, bool are_generated) {
  (are_generated ? generated_rows : prompt_rows) += rows;
  attended += uint64_t{rows} * past + uint64_t{rows} * (uint64_t{rows} + 1) / 2;
}

StepCost::Terms StepCost::terms_of(const StepLoad& load) {
  return {1, static_cast<double>(load.generated_rows), static_cast<double>(load.prompt_rows), static_cast<double>(load.attended)};
}

void StepCost::observe(const StepLoad& load, double seconds) {
  if (!(seconds > 0)) return;
  const Terms terms = terms_of(load);
  knows_prompts_ |= load.prompt_rows > 0;
  for (size_t i = 0; i < kTerms; ++i) {
    for (size_t j = 0; j < kTerms; ++j) moments_[i][j] = kFade * moments_[i][j] + terms[i] / seconds * (terms[j] / seconds);
    sums_[i] = kFade * sums_[i] + terms[i] / seconds;
  }
  fit();
}

// Least squares, leaving out again and again the term that came out most negative. A faint pull towards the last solution
// decides in directions that recent steps say nothing about.
void StepCost::fit() {
  constexpr double kForgotten = 1e-60;  // faded to where the digits of doubles end
  std::array<bool, kTerms> is_free = {};
  Terms solution = weights_;
  for (size_t i = 0; i < kTerms; ++i) is_free[i] = moments_[i][i] > kForgotten;
  for (size_t round = 0; round < kTerms; ++round) {
    solve(is_free, solution);
    const size_t lowest = static_cast<size_t>(std::ranges::min_element(solution) - solution.begin());
    if (solution[lowest] >= 0) break;
    is_free[lowest] = false;
    solution[lowest] = 0;
  }
  for (size_t i = 0; i < kTerms; ++i) weights_[i] = std::max(0.0, solution[i]);
}

// Gaussian elimination among the free terms; a positive definite matrix needs no pivots.
void StepCost::solve(const std::array<bool, kTerms>& is_free, Terms& solution) const {
  constexpr double kPull = 1e-7;
  std::array<Terms, kTerms> matrix = moments_;
  Terms right = sums_;
  for (size_t i = 0; i < kTerms; ++i) {
    for (size_t j = 0; j < kTerms; ++j)
      if (!is_free[j]) right[i] -= moments_[i][j] * solution[j];
    matrix[i][i] += kPull * moments_[i][i];
    right[i] += kPull * moments_[i][i] * weights_[i];
  }
  for (size_t i = 0; i < kTerms; ++i)
    for (size_t k = i + 1; is_free[i] && k < kTerms; ++k) {
      if (!is_free[k]) continue;
      const double factor = matrix[k][i] / matrix[i][i];
      for (size_t j = i; j < kTerms; ++j) matrix[k][j] -= factor * matrix[i][j];
      right[k] -= factor * right[i];
    }
  for (size_t i = kTerms; i-- > 0;) {
    if (!is_free[i]) continue;
    double rest = right[i];
    for (size_t j = i + 1; j < kTerms; ++j)
      if (is_free[j]) rest -= matrix[i][j] * solution[j];
    solution[i] = rest / matrix[i][i];
  }
}

double StepCost::predict(const StepLoad& load) const {
  const Terms terms = terms_of(load);
  double seconds = 0;
  for (size_t i = 0; i < kTerms; ++i) seconds += terms[i] * weights_[i];
  return seconds;
}

uint32_t StepCost::rows_within(double seconds, StepLoad load, uint32_t past, uint32_t most) const {
  uint32_t fits = 0, beyond = most + 1;  // the prediction grows with rows
  while (beyond - fits > 1) {
    const uint32_t middle = fits + (beyond - fits) / 2;
    StepLoad with = load;
    with.add(middle, past, false);
    (predict(with) <= seconds ? fits : beyond) = middle;
  }
  return fits;
}

}  // namespace hearth::engine
