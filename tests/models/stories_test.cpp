// A trained model against llama.cpp: greedy tokens and the likeliest tokens' log-probabilities of real GGUF files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/file.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "model/model.h"
#include "models/paged_sequence.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/reference/reference_backend.h"
#include "runner/shared_data.h"

namespace hearth::testing {
namespace {

std::string stories() { return shared_data() + "/models/stories260K/"; }

std::vector<int32_t> integers(const Json& list) {
  std::vector<int32_t> out;
  for (const Json& value : list.as_array()) out.push_back(static_cast<int32_t>(value.as_integer()));
  return out;
}

// log softmax of one entry, summed in double.
double log_probability(std::span<const float> logits, int64_t token) {
  const double top = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - top);
  return logits[static_cast<size_t>(token)] - top - std::log(sum);
}

struct Deviation {
  size_t tokens = 0, different = 0;
  double log_probability = 0;  // the largest
};

// Follows the expected tokens, so that one near tie does not spoil the rest.
Deviation follow(model::Model& model, const Json& expected) {
  const std::vector<int32_t> prompt = integers(*expected.find("prompt_ids")), ids = integers(*expected.find("ids"));
  const Json::Array& steps = expected.find("first_steps")->as_array();
  PagedSequence sequence(model, static_cast<uint32_t>(prompt.size() + ids.size()));
  std::vector<float> all = sequence.append(prompt, /*are_generated=*/false);
  Deviation deviation;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::span<const float> logits = std::span<const float>(all).last(model.plan().vocab);
    deviation.different += best_token(logits) != ids[i];
    ++deviation.tokens;
    if (i < steps.size())
      for (const Json& entry : steps[i].find("top")->as_array()) {
        const double theirs = entry.as_array()[1].as_number();
        const double ours = log_probability(logits, entry.as_array()[0].as_integer());
        deviation.log_probability = std::max(deviation.log_probability, std::abs(ours - theirs));
      }
    all = sequence.append({&ids[i], 1}, /*are_generated=*/true);
  }
  return deviation;
}

// All prompts of an expectation file (a list, or the "cases" of one), through one weight file.
Deviation follow_all(const std::string& weights, const std::string& expectations, ops::Backend& backend) {
  const auto files = checkpoint::open(stories() + weights);
  EXPECT_TRUE(files) << files.error().text();
  const auto model = model::load(**files, backend);
  EXPECT_TRUE(model) << model.error().text();
  const auto text = read_text_file(expectations);
  EXPECT_TRUE(text) << text.error().text();
  const auto list = Json::parse(*text);
  EXPECT_TRUE(list) << list.error().text();
  Deviation worst;
  const Json* cases = list->find("cases");
  for (const Json& expected : (cases != nullptr ? *cases : *list).as_array()) {
    const Deviation one = follow(**model, expected);
    worst.tokens += one.tokens;
    worst.different += one.different;
    worst.log_probability = std::max(worst.log_probability, one.log_probability);
  }
  EXPECT_GT(worst.tokens, 0u) << expectations;
  std::cout << weights << " " << backend.name() << ": " << worst.different << " of " << worst.tokens
            << " tokens differ, log-probabilities by at most " << worst.log_probability << "\n";
  return worst;
}

void check_unquantized(ops::Backend& backend) {
  const std::string half_cache = stories() + "greedy-F32.json";
  // llama.cpp with an f32 cache: the same arithmetic as ours but for the order of sums.
  const Deviation exact =
      follow_all("stories260K-F32.gguf", source_path("tests/golden/stories/f32_cache.json"), backend);
  EXPECT_EQ(exact.different, 0u);
  EXPECT_LE(exact.log_probability, 1e-4);
  // These expectations come from a half-precision cache and attention, 1.0e-2 away from llama.cpp's own f32 cache.
  const Deviation f32 = follow_all("stories260K-F32.gguf", half_cache, backend);
  EXPECT_EQ(f32.different, 0u);
  EXPECT_LE(f32.log_probability, 1.2e-2);
  // Against the f32 expectations: what half precision weights move.
  const Deviation f16 = follow_all("stories260K-F16.gguf", half_cache, backend);
  EXPECT_LE(f16.log_probability, 2e-2);
  EXPECT_LE(f16.different, f16.tokens / 50);
  const Deviation bf16 = follow_all("stories260K-BF16.gguf", half_cache, backend);
  EXPECT_LE(bf16.log_probability, 0.12);
  EXPECT_LE(bf16.different, bf16.tokens / 20);
  count_cases("trained model tokens", exact.tokens + f32.tokens + f16.tokens + bf16.tokens);
}

TEST(Stories, ReferenceBackendMatchesLlamaCpp) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const auto backend = ops::reference::make_backend();
  check_unquantized(*backend);
}

TEST(Stories, CpuBackendMatchesLlamaCpp) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const auto backend = ops::cpu::make_backend({.threads = 2, .isa = {}});
  ASSERT_TRUE(backend) << backend.error().text();
  check_unquantized(**backend);
}

// llama.cpp quantizes activations to 8 bits here, so its log-probabilities carry noise of their own.
TEST(Stories, QuantizedFilesStayNear) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const auto backend = ops::reference::make_backend();
  for (const std::string format : {"Q8_0", "Q4_0"}) {
    const Deviation deviation =
        follow_all("stories260K-" + format + ".gguf", stories() + "greedy-" + format + ".json", *backend);
    EXPECT_LE(deviation.log_probability, 0.25) << format;  // measured: 0.195 and 0.212
    EXPECT_LE(deviation.different, deviation.tokens / 20) << format;
  }
}

}  // namespace
}  // namespace hearth::testing
