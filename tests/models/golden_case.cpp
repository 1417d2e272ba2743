#include "models/golden_case.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "base/file.h"
#include "base/json.h"
#include "runner/shared_data.h"

namespace hearth::testing {

static Result<std::vector<float>> read_floats(const std::string& path) {
  HEARTH_TRY(text, read_text_file(path));
  std::vector<float> values(text.size() / sizeof(float));
  std::memcpy(values.data(), text.data(), values.size() * sizeof(float));
  return values;
}

static std::vector<int32_t> integers(const Json& list) {
  std::vector<int32_t> out;
  for (const Json& value : list.as_array()) out.push_back(static_cast<int32_t>(value.as_integer()));
  return out;
}

static Result<GoldenCase> read_case(const std::string& folder) {
  GoldenCase golden{.name = std::filesystem::path(folder).filename().string(), .folder = folder};
  HEARTH_TRY(text, read_text_file(folder + "/case.json"));
  HEARTH_TRY(facts, Json::parse(text));
  golden.arch = facts.text_or("arch", "");
  golden.vocab = static_cast<uint32_t>(facts.integer_or("vocab", 0));
  golden.context = static_cast<uint32_t>(facts.integer_or("context", 0));
  golden.prompt = static_cast<uint32_t>(facts.integer_or("prompt", 0));
  golden.tokens = integers(*facts.find("tokens"));
  golden.greedy = integers(*facts.find("greedy"));
  HEARTH_TRY(logits, read_floats(folder + "/logits.f32"));
  golden.logits = std::move(logits);
  if (const std::string path = folder + "/logits_bf16.f32"; file_exists(path)) {
    HEARTH_TRY(bf16_logits, read_floats(path));
    golden.bf16_logits = std::move(bf16_logits);
  }
  if (golden.logits.size() != golden.tokens.size() * golden.vocab)
    return fail(ErrorCode::kBadFile, "{}: logits.f32 does not hold tokens times vocab", folder);
  return golden;
}

Result<std::vector<GoldenCase>> golden_cases() {
  std::vector<std::string> folders;
  for (const auto& entry : std::filesystem::directory_iterator(source_path("tests/golden/models")))
    folders.push_back(entry.path().string());
  std::ranges::sort(folders);
  std::vector<GoldenCase> cases;
  for (const std::string& folder : folders) {
    HEARTH_TRY(golden, read_case(folder));
    cases.push_back(std::move(golden));
  }
  return cases;
}

double worst_error(std::span<const float> logits, std::span<const float> reference, uint32_t vocab) {
  double worst = logits.size() == reference.size() ? 0 : std::numeric_limits<double>::infinity();
  for (size_t row = 0; worst < std::numeric_limits<double>::infinity() && row < reference.size(); row += vocab) {
    double difference = 0, largest = 0;
    for (size_t i = row; i < row + vocab; ++i) {
      if (!std::isfinite(logits[i])) return std::numeric_limits<double>::infinity();
      difference = std::max(difference, std::abs(double{logits[i]} - reference[i]));
      largest = std::max(largest, std::abs(double{reference[i]}));
    }
    worst = std::max(worst, difference / largest);
  }
  return worst;
}

double mean_error(std::span<const float> logits, std::span<const float> reference) {
  if (logits.size() != reference.size()) return std::numeric_limits<double>::infinity();
  double difference = 0, whole = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    difference += std::pow(double{logits[i]} - reference[i], 2);
    whole += std::pow(reference[i], 2);
  }
  return std::isfinite(difference) ? std::sqrt(difference / whole) : std::numeric_limits<double>::infinity();
}

}  // namespace hearth::testing
