// Divergence of distributions against values by hand.
#include "service/quality/divergence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace hearth::service {
namespace {

std::vector<float> logs(std::initializer_list<double> probabilities) {
  std::vector<float> out;
  for (const double p : probabilities) out.push_back(static_cast<float>(std::log(p) + 3));  // 3: logits are known up to a constant
  return out;
}

TEST(DivergenceTest, is_the_sum_of_its_definition) {
  const auto base = logs({0.5, 0.25, 0.25}), other = logs({0.25, 0.25, 0.5});
  EXPECT_NEAR(divergence(base, other), 0.5 * std::log(2.0) + 0.25 * std::log(0.5), 1e-6);
  EXPECT_NEAR(divergence(base, base), 0, 1e-12);
}

TEST(DivergenceTest, leaves_out_what_the_base_all_but_excludes) {
  std::vector<float> base{0, -16.5F}, other{0, -100};
  EXPECT_LT(std::abs(divergence(base, other)), 1e-6);
  base[1] = -15.5F;
  EXPECT_GT(divergence(base, other), 1e-6);
}

TEST(DivergencesTest, sums_up_what_was_added) {
  Divergences d;
  const auto base = logs({0.5, 0.25, 0.25}), other = logs({0.25, 0.25, 0.5});
  d.add(base, base, 0);
  d.add(base, other, 2);
  const double one = 0.25 * std::log(2.0);
  EXPECT_EQ(d.scored(), 2u);
  EXPECT_NEAR(d.mean(), one / 2, 1e-6);
  EXPECT_NEAR(d.error(), one / 2, 1e-6);
  EXPECT_NEAR(d.quantile(1), one, 1e-6);
  EXPECT_NEAR(d.quantile(0), 0, 1e-6);
  EXPECT_DOUBLE_EQ(d.same_top(), 0.5);
  EXPECT_NEAR(d.probability_rms(), std::sqrt(0.25 * 0.25 / 2), 1e-6);
  EXPECT_NEAR(d.perplexity(), 2, 1e-5);                       // 1/2 and 1/2
  EXPECT_NEAR(d.base_perplexity(), std::sqrt(2.0 * 4.0), 1e-5);  // 1/2 and 1/4
}

}  // namespace
}  // namespace hearth::service
