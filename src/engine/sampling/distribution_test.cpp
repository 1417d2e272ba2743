#include "engine/sampling/distribution.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"

namespace hearth::engine {

TEST(Distribution, ExponentialsAreExactToSingleRoundings) {
  std::vector<float> logits, out;
  for (float x = 0; x > -87; x -= 0.0007f) logits.push_back(x);
  out.resize(logits.size());
  sum_of_exponentials(logits, 0, out.data());
  for (size_t i = 0; i < logits.size(); ++i) ASSERT_NEAR(out[i] / std::exp(double{logits[i]}), 1, 3e-7) << logits[i];
  for (const float gone : {-87.5f, -200.0f, -1e30f, -INFINITY}) {
    float e = 1;
    sum_of_exponentials({&gone, 1}, 0, &e);
    EXPECT_EQ(e, 0);
  }
}

TEST(Distribution, SumsVocabulariesOfAnySize) {
  Random random(1);
  for (const size_t size : {1u, 2u, 3u, 4u, 5u, 511u, 512u, 513u, 151936u}) {
    std::vector<float> logits(size);
    for (float& logit : logits) logit = static_cast<float>(random.uniform() * 40 - 30);
    double max = logits[0], sum = 0;
    for (const float logit : logits) max = std::max<double>(max, logit);
    for (const float logit : logits) sum += std::exp(logit - max);
    const Distribution distribution = Distribution::measure(logits);
    EXPECT_EQ(distribution.max, static_cast<float>(max));
    EXPECT_NEAR(distribution.mass / sum, 1, 3e-7);
    EXPECT_NEAR(distribution.logprob(logits[0]), logits[0] - max - std::log(sum), 2e-6);
  }
}

TEST(Distribution, RefusesWhatIsNotFinite) {
  for (const size_t size : {3u, 16u, 17u})
    for (size_t at = 0; at < size; ++at)
      for (const float bad : {NAN, INFINITY, -INFINITY}) {
        std::vector<float> logits(size, 1.5f);
        logits[at] = bad;
        const auto distribution = Distribution::of(logits, {.largest = 1.5f, .sum = NAN});
        ASSERT_FALSE(distribution);
        EXPECT_NE(distribution.error().message.find("logit of token " + std::to_string(at)), std::string::npos);
      }
}

}  // namespace hearth::engine
