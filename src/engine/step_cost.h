#pragma once
// How long a step will take, learned from those before it, so that prompts share steps with running answers without making
// these wait too long. Pure arithmetic: it is told loads and seconds, and reads no clock.
//
//   seconds = a + b * generated rows + c * prompt rows + d * attended tokens,   a, b, c, d >= 0
//
// fitted to the relative error of recent steps, each weighing kFade of the next.
#include <array>
#include <cstddef>
#include <cstdint>

namespace hearth::engine {

// What a step computes. `attended`: the tokens that its rows look back at, summed over rows.
struct StepLoad {
  uint32_t generated_rows = 0, prompt_rows = 0;
  uint64_t attended = 0;

  void add(uint32_t rows, uint32_t past, bool are_generated);  // of one sequence
};

class StepCost {
 public:
  void observe(const StepLoad& load, double seconds);
  double predict(const StepLoad& load) const;  // 0 before the first observation
  // The most rows, up to `most`, of a prompt with `past` tokens in the cache that keep the step within `seconds`.
  uint32_t rows_within(double seconds, StepLoad load, uint32_t past, uint32_t most) const;
  bool knows_prompts() const { return knows_prompts_; }  // whether predictions for them mean anything

 private:
  static constexpr size_t kBase = 0, kGenerated = 1, kPrompt = 2, kAttended = 3, kTerms = 4;
  static constexpr double kFade = 0.97;
  using Terms = std::array<double, kTerms>;
  static Terms terms_of(const StepLoad& load);
  void fit();
  void solve(const std::array<bool, kTerms>& is_free, Terms& solution) const;  // those not free stay as they are

  std::array<Terms, kTerms> moments_ = {};  // sum of x xᵀ / seconds², faded
  Terms sums_ = {};                         // sum of x / seconds, faded
  Terms weights_ = {};                      // a, b, c, d
  bool knows_prompts_ = false;
};

}  // namespace hearth::engine
