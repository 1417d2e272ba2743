#pragma once
// Mixtures of experts: routing, and feed-forwards grouped by expert, so that each expert's weights are read once per step.
#include <vector>

#include "ops/cpu/matmul.h"

namespace hearth::ops::cpu {

void route(ConstMatrix logits, std::span<Route> routes, const RouterOptions& options);

class ExpertMixer {
 public:
  ExpertMixer(const Workers& workers, Multiplier& multiplier) : workers_(workers), multiplier_(multiplier) {}

  // As Backend::experts. A row's answers are added in the order of its routes.
  void mix(ConstMatrix x, std::span<const Expert> experts, std::span<const Route> routes, Matrix out,
           const ExpertOptions& options);

 private:
  // Sorts routes by expert: place_of_[i] is route i's row in the gathered matrices; runs_ are the experts with work.
  void group(std::span<const Route> routes, size_t experts);

  struct Run {
    uint32_t expert, first, rows;
  };
  Workers workers_;
  Multiplier& multiplier_;
  std::vector<uint32_t> place_of_, next_;
  std::vector<Run> runs_;
  std::vector<Product> products_;
  Scratch<float> gathered_, hidden_, answers_;
};

}  // namespace hearth::ops::cpu
