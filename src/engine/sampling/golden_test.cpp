// Every sampler against transformers and plain formulas: tests/golden/sampling, made by tools/golden/sampling.py.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/file.h"
#include "base/json.h"
#include "engine/sampling/chain.h"
#include "runner/shared_data.h"

namespace hearth::engine {
namespace {

const Json& golden() {
  static const Json parsed = [] {
    const auto text = read_text_file(testing::source_path("tests/golden/sampling/samplers.json"));
    EXPECT_TRUE(text) << text.error().text();
    auto json = Json::parse(*text);
    EXPECT_TRUE(json) << json.error().text();
    return std::move(*json);
  }();
  return parsed;
}

std::vector<int32_t> tokens_of(const Json& array) {
  std::vector<int32_t> tokens;
  for (const Json& token : array.as_array()) tokens.push_back(static_cast<int32_t>(token.as_integer()));
  return tokens;
}

std::vector<float> row(int64_t index) {
  std::vector<float> logits;
  for (const Json& logit : golden().find("rows")->as_array()[static_cast<size_t>(index)].as_array()) logits.push_back(static_cast<float>(logit.as_number()));
  return logits;
}

SamplingOptions options_of(const Json& json) {
  SamplingOptions o;
  const std::map<std::string, double*> doubles = {
      {"temperature", &o.temperature}, {"dynatemp_range", &o.dynatemp_range}, {"dynatemp_exponent", &o.dynatemp_exponent},
      {"top_p", &o.top_p}, {"min_p", &o.min_p}, {"typical_p", &o.typical_p}, {"top_n_sigma", &o.top_n_sigma},
      {"xtc_probability", &o.xtc_probability}, {"xtc_threshold", &o.xtc_threshold}, {"dry_multiplier", &o.dry_multiplier},
      {"dry_base", &o.dry_base}, {"repeat_penalty", &o.repeat_penalty}, {"frequency_penalty", &o.frequency_penalty},
      {"presence_penalty", &o.presence_penalty}, {"mirostat_tau", &o.mirostat_tau}, {"mirostat_eta", &o.mirostat_eta}};
  const std::map<std::string, uint32_t*> counts = {{"top_k", &o.top_k}, {"min_keep", &o.min_keep}, {"dry_allowed_length", &o.dry_allowed_length}};
  const std::map<std::string, int32_t*> windows = {{"repeat_last_n", &o.repeat_last_n}, {"dry_penalty_last_n", &o.dry_penalty_last_n}};
  for (const auto& [key, value] : json.as_object()) {
    if (doubles.contains(key)) *doubles.at(key) = value.as_number();
    else if (counts.contains(key)) *counts.at(key) = static_cast<uint32_t>(value.as_integer());
    else if (windows.contains(key)) *windows.at(key) = static_cast<int32_t>(value.as_integer());
    else if (key == "seed") o.seed = static_cast<uint64_t>(value.as_integer());
    else if (key == "mirostat") o.mirostat = value.as_bool();
    else if (key == "dry_breakers") for (const Json& breaker : value.as_array()) o.dry_breakers.push_back(tokens_of(breaker));
    else ADD_FAILURE() << "unknown option " << key;
  }
  return o;
}

// What remained before the draw: token -> logit.
std::map<int32_t, float> remaining(const Candidates& candidates) {
  std::map<int32_t, float> left;
  if (candidates.is_whole())
    for (size_t i = 0; i < candidates.size(); ++i) left[static_cast<int32_t>(i)] = candidates.logits()[i];
  else
    for (const Candidate& candidate : candidates.list()) left[candidate.token] = candidate.logit;
  return left;
}

std::map<int32_t, float> run(const Json& options, std::span<const float> logits, std::span<const int32_t> history) {
  auto chain = Chain::make(options_of(options), static_cast<uint32_t>(logits.size()));
  EXPECT_TRUE(chain) << chain.error().text();
  Candidates candidates;
  const auto token = chain->choose(candidates, logits, Distribution::measure(logits), history);
  EXPECT_TRUE(token);
  auto left = remaining(candidates);
  EXPECT_TRUE(left.contains(*token));
  return left;
}

TEST(SamplerGoldens, KeepTheSameTokensWithTheSameLogits) {
  const Json::Array& cases = golden().find("cases")->as_array();
  for (const Json& golden_case : cases) {
    const std::vector<float> logits = row(golden_case.find("row")->as_integer());
    std::map<int32_t, float> expected;
    if (const Json& kept = *golden_case.find("kept"); kept.is_null())
      for (size_t i = 0; i < logits.size(); ++i) expected[static_cast<int32_t>(i)] = logits[i];
    else
      for (const int32_t token : tokens_of(kept)) expected[token] = logits[static_cast<size_t>(token)];
    for (const auto& [token, logit] : golden_case.find("logits")->as_object()) expected.at(std::stoi(token)) = static_cast<float>(logit.as_number());

    const auto left = run(*golden_case.find("options"), logits, tokens_of(*golden_case.find("history")));
    const std::string what = golden_case.find("options")->dump() + " row " + golden_case.find("row")->dump();
    ASSERT_EQ(left.size(), expected.size()) << what;
    for (const auto& [token, logit] : expected) {
      ASSERT_TRUE(left.contains(token)) << what << " lost " << token;
      ASSERT_NEAR(left.at(token), logit, 1e-5 * (1 + std::abs(logit))) << what << " token " << token;
    }
  }
  testing::count_cases("sampling cases", cases.size());
}

TEST(SamplerGoldens, DryPenalizesWhatItsDefinitionSays) {
  const Json::Array& cases = golden().find("dry")->as_array();
  const std::vector<float> zeros(row(0).size());
  size_t penalized = 0;
  for (const Json& golden_case : cases) {
    const Json& penalties = *golden_case.find("logits");
    penalized += penalties.as_object().size();
    for (const auto& [token, logit] : run(*golden_case.find("options"), zeros, tokens_of(*golden_case.find("history"))))
      ASSERT_NEAR(logit, penalties.number_or(std::to_string(token), 0), 1e-5 * (1 + std::abs(logit))) << golden_case.dump() << " token " << token;
  }
  EXPECT_GT(penalized, cases.size()) << "these cases test too little";
  testing::count_cases("sampling cases", cases.size());
}

TEST(SamplerGoldens, MirostatGeneratesTheSameTokens) {
  const Json::Array& cases = golden().find("mirostat")->as_array();
  const size_t rows = golden().find("rows")->as_array().size();
  for (const Json& golden_case : cases) {
    auto chain = Chain::make(options_of(*golden_case.find("options")), static_cast<uint32_t>(row(0).size()));
    ASSERT_TRUE(chain);
    Candidates candidates;
    std::vector<int32_t> tokens;
    const std::vector<int32_t> expected = tokens_of(*golden_case.find("tokens"));
    for (size_t step = 0; step < expected.size(); ++step) {
      const std::vector<float> logits = row(static_cast<int64_t>(step % rows));
      tokens.push_back(chain->choose(candidates, logits, Distribution::measure(logits), tokens).value());
    }
    EXPECT_EQ(tokens, expected);
  }
  testing::count_cases("sampling cases", cases.size());
}

}  // namespace
}  // namespace hearth::engine
