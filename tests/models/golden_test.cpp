// Every architecture, from both containers, on both backends, against transformers. A case is a folder: nothing is
// listed here. "Error" is the largest over 64 positions of max|a - b| / max|b|.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "checkpoint/checkpoint.h"
#include "model/model.h"
#include "models/golden_case.h"
#include "models/paged_sequence.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/dispatch.h"
#include "ops/reference/reference_backend.h"
#include "runner/shared_data.h"

namespace hearth::testing {
namespace {

// Kernels that multiply in f32 are held to f32 arithmetic whatever the weights. Those that round what meets bf16 weights may be off from
// it by half of what transformers' own bf16 run is off, which rounds every activation (its worst: 6.0e-2 in llama_bf16, 2.6e-2 in
// gemma3_scale), and are held to no greedy tokens: random models choose among nearly equal ones.
// Against bf16 arithmetic the bound is what that rounding costs on average: its two runs differ by 2.2e-2 (llama_bf16), ours in f32 from
// its f32 run by 3e-6.
constexpr double kF32Error = 1e-4, kRoundedShare = 0.5, kBf16Error = 2.5e-2;

std::vector<GoldenCase> all_cases() {
  auto cases = golden_cases();
  EXPECT_TRUE(cases) << cases.error().text();
  return cases ? std::move(*cases) : std::vector<GoldenCase>{};
}

std::unique_ptr<model::Model> load_model(const GoldenCase& golden, const std::string& path, ops::Backend& backend) {
  auto files = checkpoint::open(path);
  EXPECT_TRUE(files) << path << ": " << files.error().text();
  if (!files) return nullptr;
  const auto predicted = model::weight_bytes(**files, backend, golden.context);
  auto model = model::load(**files, backend, {.context = golden.context});
  EXPECT_TRUE(model) << path << ": " << model.error().text();
  if (!model) return nullptr;
  EXPECT_EQ((*model)->plan().vocab, golden.vocab) << path;
  EXPECT_TRUE(predicted && *predicted == (*model)->weight_bytes()) << path << ": headers told another size than loading";
  return std::move(*model);
}

// The logits of all tokens when they come in pieces of these sizes, the last size repeated.
std::vector<float> logits_in_pieces(model::Model& model, const GoldenCase& golden, std::vector<size_t> sizes,
                                    bool generated) {
  PagedSequence sequence(model, static_cast<uint32_t>(golden.tokens.size()));
  std::vector<float> logits;
  std::span<const int32_t> rest = golden.tokens;
  for (size_t i = 0; !rest.empty(); ++i) {
    const size_t size = std::min(sizes[std::min(i, sizes.size() - 1)], rest.size());
    const std::vector<float> piece = sequence.append(rest.first(size), generated);
    logits.insert(logits.end(), piece.begin(), piece.end());
    rest = rest.subspan(size);
  }
  return logits;
}

std::vector<int32_t> greedy_tokens(model::Model& model, const GoldenCase& golden) {
  PagedSequence sequence(model, golden.prompt + static_cast<uint32_t>(golden.greedy.size()));
  std::vector<float> logits = sequence.append(std::span(golden.tokens).first(golden.prompt), /*are_generated=*/false);
  std::vector<int32_t> tokens;
  while (true) {
    tokens.push_back(best_token(std::span(logits).last(golden.vocab)));
    if (tokens.size() == golden.greedy.size()) return tokens;
    logits = sequence.append({&tokens.back(), 1}, /*are_generated=*/true);
  }
}

// In one piece, in odd pieces, token by token, and 64 greedy tokens. Returns the worst error.
double check_model(model::Model& model, const GoldenCase& golden, bool rounds_bf16, const std::string& what) {
  const bool is_rounded = rounds_bf16 && !golden.bf16_logits.empty();
  const double bound = is_rounded ? kRoundedShare * worst_error(golden.bf16_logits, golden.logits, golden.vocab) : kF32Error;
  const double whole = worst_error(logits_in_pieces(model, golden, {64}, false), golden.logits, golden.vocab);
  const double odd =
      worst_error(logits_in_pieces(model, golden, {1, 17, 5, 13, 3}, false), golden.logits, golden.vocab);
  const double single = worst_error(logits_in_pieces(model, golden, {1}, true), golden.logits, golden.vocab);
  EXPECT_LE(whole, bound) << what << ", prompt in one piece";
  EXPECT_LE(odd, bound) << what << ", prompt in odd pieces";
  EXPECT_LE(single, bound) << what << ", token by token";
  if (!is_rounded) EXPECT_EQ(greedy_tokens(model, golden), golden.greedy) << what;
  if (!golden.bf16_logits.empty()) {
    const double bf16 = mean_error(logits_in_pieces(model, golden, {64}, false), golden.bf16_logits);
    EXPECT_LE(bf16, kBf16Error) << what << ", against bf16 arithmetic";
  }
  return std::max({whole, odd, single});
}

void check_backend(ops::Backend& backend, bool rounds_bf16) {
  for (const GoldenCase& golden : all_cases())
    for (const std::string& path : {golden.folder, golden.folder + "/model.gguf"}) {
      const std::string what =
          golden.name + (path == golden.folder ? " safetensors " : " gguf ") + backend.summary();
      const auto model = load_model(golden, path, backend);
      if (!model) continue;
      const double error = check_model(*model, golden, rounds_bf16, what);
      std::cout << what << ": error " << error << "\n";
    }
}

TEST(Golden, ReferenceBackendMatchesTransformers) {
  const auto backend = ops::reference::make_backend();
  check_backend(*backend, false);
  count_cases("architecture goldens", all_cases().size() * 2);
}

TEST(Golden, CpuBackendMatchesTransformers) {
  const auto tables = ops::cpu::usable_tables();
  for (const ops::cpu::KernelTable* table : tables) {
    auto backend = ops::cpu::make_backend({.threads = 2, .isa = table->isa});
    ASSERT_TRUE(backend) << backend.error().text();
    check_backend(**backend, table->products->round_bf16 != nullptr);
  }
  count_cases("architecture goldens", all_cases().size() * 2 * tables.size());
}

// "The same answer": on the backend that serves, cutting a prompt differently changes no bit, in any architecture.
TEST(Golden, PiecesOfAPromptGiveTheSameBits) {
  const auto backend = ops::cpu::make_backend({.threads = 2, .isa = {}});
  ASSERT_TRUE(backend) << backend.error().text();
  for (const GoldenCase& golden : all_cases()) {
    const auto model = load_model(golden, golden.folder, **backend);
    ASSERT_TRUE(model);
    const std::vector<float> whole = logits_in_pieces(*model, golden, {64}, false);
    EXPECT_TRUE(logits_in_pieces(*model, golden, {1, 17, 5, 13, 3}, false) == whole) << golden.name;
    EXPECT_TRUE(logits_in_pieces(*model, golden, {1}, false) == whole) << golden.name;
  }
}

// The same weights from both containers. Rotary pairs may be stored in another order, which changes the order of sums.
TEST(Golden, ContainersAgree) {
  const auto backend = ops::reference::make_backend();
  for (const GoldenCase& golden : all_cases()) {
    const auto folder = load_model(golden, golden.folder, *backend),
               gguf = load_model(golden, golden.folder + "/model.gguf", *backend);
    ASSERT_TRUE(folder && gguf);
    const std::vector<float> expected = logits_in_pieces(*folder, golden, {64}, false);
    EXPECT_LE(worst_error(logits_in_pieces(*gguf, golden, {64}, false), expected, golden.vocab), 1e-5) << golden.name;
  }
}

TEST(Golden, EveryArchitectureHasOne) {
  const std::vector<GoldenCase> cases = all_cases();
  for (const model::ArchSpec* spec : model::arch_specs()) {
    const bool found =
        std::ranges::any_of(cases, [&](const GoldenCase& golden) { return golden.arch == spec->names[0]; });
    EXPECT_TRUE(found) << "no folder of tests/golden/models is a " << spec->names[0];
  }
}

// What the engine asks of a model beside its logits.
TEST(Golden, StateShapesAreDescribed) {
  const auto backend = ops::reference::make_backend();
  for (const GoldenCase& golden : all_cases()) {
    const auto model = load_model(golden, golden.folder, *backend);
    ASSERT_TRUE(model);
    const model::StateShape& shape = model->state_shape();
    EXPECT_EQ(shape.kv.size() + shape.slots.size(), model->plan().layers.size()) << golden.name;
    for (const auto& spec : shape.kv) {
      const auto& attention = std::get<model::Attention>(model->plan().layers[spec.layer].mixer);
      EXPECT_EQ(shape.group_windows[spec.group], attention.window) << golden.name;
    }
    EXPECT_GT(model->weight_bytes(), 0u);
  }
}

TEST(Golden, LoadingReportsProgressUpToTheEnd) {
  const auto backend = ops::reference::make_backend();
  const auto files = checkpoint::open(source_path("tests/golden/models/llama2"));
  ASSERT_TRUE(files) << files.error().text();
  std::vector<uint64_t> done;
  const auto progress = [&](uint64_t bytes, uint64_t total) {
    EXPECT_EQ(total, (*files)->total_bytes());
    done.push_back(bytes);
  };
  ASSERT_TRUE(model::load(**files, *backend, {.progress = progress}));
  EXPECT_TRUE(std::ranges::is_sorted(done));
  EXPECT_EQ(done.back(), (*files)->total_bytes());
}

}  // namespace
}  // namespace hearth::testing
