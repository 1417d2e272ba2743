// The chain as a whole: which token is drawn how often, what greedy means, what is refused.
#include "engine/sampling/chain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "engine/sampling/distribution.h"
#include "runner/shared_data.h"

namespace hearth::engine {
namespace {

Chain make(const SamplingOptions& options, size_t vocab) {
  auto chain = Chain::make(options, static_cast<uint32_t>(vocab));
  EXPECT_TRUE(chain) << chain.error().text();
  return std::move(*chain);
}

std::vector<float> random_logits(Random& random, size_t vocab, double spread) {
  std::vector<float> logits(vocab);
  for (float& logit : logits) logit = static_cast<float>(spread * (random.uniform() + random.uniform() + random.uniform() - 1.5));
  return logits;
}

std::vector<double> softmax(std::vector<double> logits) {
  const double best = *std::ranges::max_element(logits);
  double sum = 0;
  for (double& x : logits) sum += x = std::exp(x - best);
  for (double& x : logits) x /= sum;
  return logits;
}

Result<int32_t> choose(Chain chain, Candidates& candidates, std::span<const float> logits, std::span<const int32_t> history = {}) {
  return chain.choose(candidates, logits, Distribution::measure(logits), history);
}

// 1e5 draws against the probabilities they should have. The bound is that of one false alarm in about 1e6 (Wilson-Hilferty).
void expect_drawn(const SamplingOptions& options, std::span<const float> logits, const std::vector<double>& probabilities) {
  constexpr int kDraws = 100000;
  const Distribution distribution = Distribution::measure(logits);
  Chain chain = make(options, logits.size());
  Candidates candidates;
  std::vector<double> counts(logits.size());
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(chain.choose(candidates, logits, distribution, {}).value())];
  double square = 0, pooled_count = 0, pooled = 0;
  int cells = 0;
  const auto add = [&](double count, double expected) {
    square += (count - expected) * (count - expected) / expected;
    ++cells;
  };
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * kDraws;
    if (probabilities[i] == 0) ASSERT_EQ(counts[i], 0) << "token " << i << " is impossible";
    if (expected >= 10) {
      add(counts[i], expected);
    } else {
      pooled += expected;
      pooled_count += counts[i];
    }
  }
  if (pooled >= 10) add(pooled_count, pooled);
  const double freedom = cells - 1, bound = freedom * std::pow(1 - 2 / (9 * freedom) + 4.75 * std::sqrt(2 / (9 * freedom)), 3);
  EXPECT_LT(square, bound) << "with " << freedom << " degrees of freedom";
}

TEST(Chain, DrawsFromTheDistribution) {
  Random random(1);
  const std::vector<float> logits = random_logits(random, 200, 4);
  const std::vector<double> exact(logits.begin(), logits.end());
  expect_drawn({}, logits, softmax(exact));

  SamplingOptions hot;
  hot.seed = 2;
  hot.temperature = 1.7;
  std::vector<double> scaled = exact;
  for (double& x : scaled) x /= 1.7;
  expect_drawn(hot, logits, softmax(scaled));

  SamplingOptions cut;
  cut.seed = 3;
  cut.top_k = 20;
  cut.temperature = 0.8;
  std::vector<double> sorted = exact, best = exact;
  std::ranges::sort(sorted, std::greater());
  for (double& x : best) x = x < sorted[19] ? -INFINITY : x / 0.8;
  expect_drawn(cut, logits, softmax(best));
  testing::count_cases("sampling cases", 3);
}

// One number serves both decisions of xtc: whether it acts, and which token is drawn then.
TEST(Chain, XtcActsAsOftenAsAsked) {
  const std::vector<float> logits = {std::log(0.4f), std::log(0.3f), std::log(0.15f), std::log(0.1f), std::log(0.05f)};
  for (const double probability : {0.25, 0.5, 1.0}) {
    SamplingOptions options;
    options.seed = 4;
    options.xtc_probability = probability;
    options.xtc_threshold = 0.12;
    std::vector<double> expected = {0.4, 0.3, 0.15, 0.1, 0.05};  // acting, it removes the first two
    for (size_t i = 0; i < expected.size(); ++i) expected[i] *= 1 - probability + (i < 2 ? 0 : probability / 0.3);
    expect_drawn(options, logits, expected);
  }
  testing::count_cases("sampling cases", 3);
}

TEST(Chain, MirostatSteersTheSurprise) {
  Random random(2);
  const std::vector<float> logits = random_logits(random, 2000, 8);
  const Distribution distribution = Distribution::measure(logits);
  for (const double tau : {2.0, 4.0, 6.0}) {
    SamplingOptions options;
    options.mirostat = true;
    options.mirostat_tau = tau;
    options.top_k = 1;  // replaced by mirostat
    Chain chain = make(options, logits.size());
    Candidates candidates;
    double surprise = 0;
    constexpr int kTokens = 5000;
    for (int i = 0; i < kTokens; ++i) {
      const int32_t token = chain.choose(candidates, logits, distribution, {}).value();
      surprise -= std::log2(std::exp(logits[static_cast<size_t>(token)] - candidates.best()) / candidates.mass());
    }
    EXPECT_NEAR(surprise / kTokens, tau, 0.05);
  }
}

TEST(Chain, GreedyTakesTheLowestOfTheLikeliest) {
  std::vector<float> logits = {1, 3, 2, 3, 3};
  SamplingOptions options;
  options.temperature = 0;
  options.top_k = 1;
  Candidates candidates;
  EXPECT_EQ(choose(make(options, 5), candidates, logits).value(), 1);
  options.logit_bias = {{1, -INFINITY}};
  EXPECT_EQ(choose(make(options, 5), candidates, logits).value(), 3);
  options.repeat_penalty = 2;
  const int32_t history[] = {3};
  EXPECT_EQ(choose(make(options, 5), candidates, logits, history).value(), 4);
  options.dry_multiplier = 10;
  const int32_t looping[] = {0, 2, 4, 0, 2, 4, 0, 2};
  options.repeat_penalty = 1;
  EXPECT_EQ(choose(make(options, 5), candidates, logits, looping).value(), 3);
  const int32_t other_loop[] = {0, 2, 3, 0, 2, 3, 0, 2};
  EXPECT_EQ(choose(make(options, 5), candidates, logits, other_loop).value(), 4);
  options.dry_breaker_tokens = {0};
  EXPECT_EQ(choose(make(options, 5), candidates, logits, other_loop).value(), 3);
  EXPECT_EQ(logits, (std::vector<float>{1, 3, 2, 3, 3})) << "the model's logits must stay as they are";
}

TEST(Chain, ForbiddingAllButOneLeavesThatOne) {
  const std::vector<float> logits = {1, 3, 2, 4};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SamplingOptions options;
    options.seed = seed;
    options.dynatemp_range = 0.5;
    options.xtc_probability = 1;
    options.xtc_threshold = 0;
    options.logit_bias = {{0, -INFINITY}, {1, -INFINITY}, {3, -INFINITY}};
    Candidates candidates;
    EXPECT_EQ(choose(make(options, 4), candidates, logits).value(), 2);
    options.logit_bias.emplace_back(2, -INFINITY);
    EXPECT_FALSE(choose(make(options, 4), candidates, logits));
  }
}

// Partial selection against sorting everything, with many equal logits.
TEST(Candidates, RankLikeASortedVocabulary) {
  Random random(3);
  size_t cases = 0;
  for (const size_t vocab : {1u, 5u, 100u, 5000u})
    for (const size_t count : {1u, 2u, 40u, 700u, 6000u}) {
      std::vector<float> logits(vocab);
      for (float& logit : logits) logit = static_cast<float>(random.below(50)) - 25;
      if (vocab > 1) logits[random.below(vocab)] = -INFINITY;
      std::vector<Candidate> sorted;
      for (size_t i = 0; i < vocab; ++i) sorted.push_back({static_cast<int32_t>(i), logits[i]});
      std::ranges::stable_sort(sorted, std::greater(), &Candidate::logit);
      Candidates candidates;
      candidates.reset(logits, Distribution::measure(logits));
      const auto ranked = candidates.ranked(count);
      ASSERT_EQ(ranked.size(), std::min(count, vocab));
      for (size_t i = 0; i < ranked.size(); ++i, ++cases) {
        ASSERT_EQ(ranked[i].token, sorted[i].token);
        ASSERT_EQ(ranked[i].logit, sorted[i].logit);
      }
    }
  EXPECT_GT(cases, 5000u);
}

TEST(Chain, TheOrderIsTheCallers) {
  // temperature before min_p lets more tokens through than after it.
  const std::vector<float> logits = {0, -1, -2, -3, -4};
  SamplingOptions options;
  options.temperature = 4;
  options.min_p = 0.5;
  Candidates candidates;
  ASSERT_TRUE(choose(make(options, 5), candidates, logits));
  EXPECT_EQ(candidates.size(), 1u);
  options.order = {"temperature", "min_p"};
  ASSERT_TRUE(choose(make(options, 5), candidates, logits));
  EXPECT_EQ(candidates.size(), 3u);
  options.order = {"temp"};  // what is not named takes no part
  ASSERT_TRUE(choose(make(options, 5), candidates, logits));
  EXPECT_EQ(candidates.size(), 5u);
  // Penalties work on what a truncating sampler left, too.
  options = {};
  options.top_k = 2;
  options.repeat_penalty = 100;
  options.order = {"top_k", "penalties"};
  const int32_t history[] = {1, 4};
  ASSERT_TRUE(choose(make(options, 5), candidates, logits, history));
  EXPECT_EQ(candidates.ranked(2)[1].logit, -100);
  options.order = {"penalties", "top_k"};
  ASSERT_TRUE(choose(make(options, 5), candidates, logits, history));
  EXPECT_EQ(candidates.ranked(2)[1].token, 2) << "a trace of the former counters";
}

TEST(Chain, RefusesUnknownSamplers) {
  SamplingOptions options;
  options.order = {"top_k", "top_q"};
  auto chain = Chain::make(options, 5);
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().message,
            "sampling.order names \"top_q\", which is none of penalties, dry, top_n_sigma, top_k, typical_p, top_p, min_p, xtc, temperature");
  options.order = {"top_k", "temp", "temperature"};
  chain = Chain::make(options, 5);
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().message, "sampling.order names temperature twice");
}

TEST(Chain, RefusesValuesOutOfRange) {
  size_t cases = 0;
  const auto refuses = [&](std::string_view field, const std::function<void(SamplingOptions&)>& change) {
    SamplingOptions options;
    change(options);
    const auto chain = Chain::make(options, 100);
    ++cases;
    ASSERT_FALSE(chain) << field;
    EXPECT_EQ(chain.error().code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(chain.error().message.starts_with("sampling." + std::string(field))) << chain.error().message;
  };
  using O = SamplingOptions;
  const std::pair<std::string_view, double O::*> doubles[] = {
      {"temperature", &O::temperature}, {"dynatemp_range", &O::dynatemp_range}, {"dynatemp_exponent", &O::dynatemp_exponent},
      {"top_p", &O::top_p}, {"min_p", &O::min_p}, {"typical_p", &O::typical_p}, {"top_n_sigma", &O::top_n_sigma},
      {"xtc_probability", &O::xtc_probability}, {"xtc_threshold", &O::xtc_threshold}, {"dry_multiplier", &O::dry_multiplier},
      {"dry_base", &O::dry_base}, {"repeat_penalty", &O::repeat_penalty}, {"frequency_penalty", &O::frequency_penalty},
      {"presence_penalty", &O::presence_penalty}, {"mirostat_tau", &O::mirostat_tau}, {"mirostat_eta", &O::mirostat_eta}};
  for (const auto& [field, member] : doubles)
    for (const double value : {std::nan(""), HUGE_VAL, -HUGE_VAL, -1e9, 1e9}) refuses(field, [&](O& o) { o.*member = value; });
  for (const auto& [field, member] : {std::pair{"repeat_last_n", &O::repeat_last_n}, {"dry_penalty_last_n", &O::dry_penalty_last_n}})
    refuses(field, [&](O& o) { o.*member = -2; });
  for (const int32_t token : {-1, 100}) {
    refuses("logit_bias", [&](O& o) { o.logit_bias = {{token, 1.0f}}; });
    refuses("dry_breakers", [&](O& o) { o.dry_breakers = {{token}}; });
  }
  for (const float bias : {NAN, INFINITY}) refuses("logit_bias", [&](O& o) { o.logit_bias = {{1, bias}}; });
  refuses("dry_breakers", [](O& o) { o.dry_breakers = {{}}; });
  refuses("dry_breakers", [](O& o) { o.dry_breakers = {std::vector<int32_t>(65, 1)}; });
  refuses("dry_breakers", [](O& o) { o.dry_breakers.assign(65537, {1}); });
  testing::count_cases("sampling cases", cases);
}

// Random options of all kinds at once: the chain always chooses a token it may choose, and does so again with the same seed.
TEST(Chain, AnyMixtureChoosesAPossibleToken) {
  constexpr uint64_t kCases = 3000;
  Candidates candidates;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    Random random(seed);
    const size_t vocab = 1 + random.below(300);
    const std::vector<float> logits = random_logits(random, vocab, std::pow(10, random.uniform() * 4 - 2));
    SamplingOptions o;
    o.seed = seed;
    const auto maybe = [&] { return random.below(3) == 0; };
    if (maybe()) o.temperature = random.below(2) == 0 ? 1e-9 : random.uniform() * 100;
    if (maybe()) o.dynatemp_range = random.uniform() * 2;
    if (maybe()) o.top_k = static_cast<uint32_t>(random.below(400));
    if (maybe()) o.top_p = random.uniform();
    if (maybe()) o.min_p = random.uniform();
    if (maybe()) o.typical_p = random.uniform();
    if (maybe()) o.top_n_sigma = random.uniform() * 3;
    if (maybe()) o.xtc_probability = random.uniform();
    if (maybe()) o.xtc_threshold = random.uniform() * 0.5;
    if (maybe()) o.dry_multiplier = random.uniform() * 1000;
    if (maybe()) o.repeat_penalty = 0.01 + random.uniform() * 99;
    if (maybe()) o.presence_penalty = random.uniform() * 100;
    if (maybe()) o.min_keep = static_cast<uint32_t>(random.below(400));
    if (maybe()) o.mirostat = true;
    const auto forbidden = static_cast<int32_t>(random.below(vocab));
    if (vocab > 1) o.logit_bias = {{forbidden, -INFINITY}};
    for (const std::string_view name : sampler_names()) o.order.insert(o.order.begin() + static_cast<ptrdiff_t>(random.below(o.order.size() + 1)), std::string(name));
    std::vector<int32_t> history;
    for (uint64_t i = random.below(100); i > 0; --i) history.push_back(static_cast<int32_t>(random.below(std::min<size_t>(vocab, 5))));

    const auto token = choose(make(o, vocab), candidates, logits, history);
    ASSERT_TRUE(token) << seed;
    ASSERT_TRUE(*token >= 0 && static_cast<size_t>(*token) < vocab) << seed;
    if (vocab > 1) ASSERT_NE(*token, forbidden) << seed;
    ASSERT_TRUE(std::ranges::all_of(candidates.counters(), [](uint32_t count) { return count == 0; })) << seed;
    ASSERT_EQ(choose(make(o, vocab), candidates, logits, history).value(), *token) << seed;
  }
  testing::count_cases("sampling cases", kCases);
}

}  // namespace
}  // namespace hearth::engine
