// Routing and mixtures of experts, on every instruction set, against the reference; and their indifference to the batch.
#include <sys/mman.h>
#include <unistd.h>

#include "ops/cpu/packed_weight.h"
#include "ops/cpu/tests/samples.h"

namespace hearth::ops::cpu {
namespace {

using Values = std::vector<float>;

TEST(Rows, Routes) {
  for (const auto score : {RouterOptions::Score::kSoftmax, RouterOptions::Score::kSigmoid})
    for (const bool renormalize : {false, true}) {
      Values logits = normals(20 * 60, 9);
      logits[5] = logits[7] = logits[6] = 9;  // a tie: lower index first
      const RouterOptions options{.score = score, .active = 6, .renormalize = renormalize, .scale = 2.5f};
      std::vector<Route> wanted(20 * 6), got(20 * 6);
      reference::make_backend()->route(view(logits, 20), wanted, options);
      backend_for(*usable_tables().front())->route(view(logits, 20), got, options);
      for (size_t i = 0; i < wanted.size(); ++i) {
        EXPECT_EQ(got[i].expert, wanted[i].expert) << i;
        EXPECT_NEAR(got[i].weight, wanted[i].weight, 1e-6 * wanted[i].weight) << i;
      }
    }
}

struct SmallExperts {
  SmallExperts(Backend& backend, const char* format, uint32_t width = 64, uint32_t hidden = 32) {
    for (uint64_t e = 0; e < 7; ++e) {
      const RandomWeight gate(*quant::find_format(format), hidden, width, 100 + e), up(*quant::find_format(format), hidden, width, 150 + e);
      weights.push_back(stacked(backend, {gate.source(), up.source()}));
      weights.push_back(RandomWeight(*quant::find_format(format), width, hidden, 200 + e).pack(backend));
    }
    for (size_t e = 0; e < 7; ++e) experts.push_back({weights[2 * e].get(), weights[2 * e + 1].get()});
  }
  std::vector<std::unique_ptr<Weight>> weights;
  std::vector<Expert> experts;
};

TEST(Experts, NearTheReferenceAndTheSameAlone) {
  constexpr uint32_t kRows = 9, kActive = 2;
  const Values x = normals(kRows * 64, 1);
  std::vector<Route> routes;
  for (uint32_t i = 0; i < kRows; ++i) {  // expert 6 gets no work
    routes.push_back({i % 6, 0.7f});
    routes.push_back({(i * 2 + 1) % 6 == i % 6 ? (i + 1) % 6 : (i * 2 + 1) % 6, 0.3f});
  }
  const auto oracle = reference::make_backend();
  const SmallExperts theirs(*oracle, "f32");
  Values wanted(kRows * 64);
  oracle->experts(view(x, kRows), theirs.experts, routes, view(wanted, kRows), {.active = kActive});
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const char* format : {"f32", "q4_0"}) {
      const SmallExperts mine(*backend, format);
      std::vector<Expert> experts(mine.experts.begin(), mine.experts.end());
      experts[6] = {};  // has no work: not even looked at
      Values got(kRows * 64), alone(kRows * 64);
      backend->experts(view(x, kRows), experts, routes, view(got, kRows), {.active = kActive});
      for (uint32_t r = 0; r < kRows; ++r)
        backend->experts({&x[r * 64], 1, 64, 64}, mine.experts, std::span(routes).subspan(r * kActive, kActive),
                         {&alone[r * 64], 1, 64, 64}, {.active = kActive});
      expect_same_bits(got, alone, std::string("experts on ") + table->isa);
      if (format == std::string("f32"))
        for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 2e-5 * (1 + std::fabs(wanted[i]))) << i;
    }
  }
}

// What rounding activations to 8 bits twice may do, of outputs as large as `wanted` is on the whole.
TEST(Experts, EveryKindOfWeightNearTheReference) {
  constexpr uint32_t kRows = 40, kActive = 2, kWidth = 512, kHidden = 256;
  const Values x = normals(kRows * kWidth, 1);
  std::vector<Route> routes(kRows * kActive);
  reference::make_backend()->route(view(normals(kRows * 7, 2), kRows), routes, {.active = kActive});
  const auto oracle = reference::make_backend();
  for (const char* format : {"q4_0", "q4_1", "q8_0", "mxfp4", "q4_k", "q6_k", "iq4_xs", "bf16", "f16"}) {
    const SmallExperts theirs(*oracle, format, kWidth, kHidden);
    Values wanted(x.size()), got(x.size());
    oracle->experts(view(x, kRows), theirs.experts, routes, view(wanted, kRows), {.active = kActive});
    double square = 0;
    for (const float v : wanted) square += double{v} * v;
    const double size = std::sqrt(square / static_cast<double>(wanted.size()));
    for (const KernelTable* table : usable_tables()) {
      const auto backend = backend_for(*table);
      const SmallExperts mine(*backend, format, kWidth, kHidden);
      backend->experts(view(x, kRows), mine.experts, routes, view(got, kRows), {.active = kActive});
      double error = 0;
      for (size_t i = 0; i < got.size(); ++i) error += (double{got[i]} - wanted[i]) * (double{got[i]} - wanted[i]);
      EXPECT_LT(std::sqrt(error / static_cast<double>(got.size())), 0.02 * size) << format << " on " << table->isa;
    }
  }
}

// A long prompt in one step: routed as a model does it, over experts of which the last is never chosen.
struct LongStep {
  static constexpr uint32_t kRows = 2000, kActive = 2, kExperts = 7;

  LongStep() : x(normals(kRows * 64, 1)), routes(kRows * kActive) {
    Values logits = normals(kRows * kExperts, 2);
    for (uint32_t r = 0; r < kRows; ++r) logits[r * kExperts + 6] = -100;
    reference::make_backend()->route(view(logits, kRows), routes, {.active = kActive});
  }
  Values run(Backend& backend, std::span<const Expert> experts, std::initializer_list<uint32_t> pieces) const {
    Values out(kRows * 64);
    uint32_t first = 0;
    for (const uint32_t rows : pieces) {
      backend.experts({&x[first * 64], rows, 64, 64}, experts, std::span(routes).subspan(first * kActive, rows * kActive),
                      {&out[first * 64], rows, 64, 64}, {.active = kActive});
      first += rows;
    }
    EXPECT_EQ(first, kRows);
    return out;
  }
  Values x;
  std::vector<Route> routes;
};

TEST(Experts, TwoThousandRowsInOneStepNearTheReferenceAndTheSameInPieces) {
  const LongStep step;
  const auto oracle = reference::make_backend();
  const Values wanted = step.run(*oracle, SmallExperts(*oracle, "f32").experts, {LongStep::kRows});
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const char* format : {"f32", "q4_0", "q8_0", "bf16"}) {
      const SmallExperts mine(*backend, format);
      const Values got = step.run(*backend, mine.experts, {LongStep::kRows});
      expect_same_bits(step.run(*backend, mine.experts, {1, 7, 512, 1000, 95, 385}), got, std::string(format) + " on " + table->isa);
      if (format == std::string("f32"))
        for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 2e-5 * (1 + std::fabs(wanted[i]))) << table->isa << " " << i;
    }
  }
}

// Whole pages of a weight's panels, out of reach while this lives.
class OutOfReach {
 public:
  explicit OutOfReach(const Weight& weight) {
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    for (const PackedWeight::Part& part : packed(weight).parts()) {
      const auto first = (reinterpret_cast<uintptr_t>(part.panel(0)) + page - 1) / page * page;
      const auto end = reinterpret_cast<uintptr_t>(part.panel(part.panels())) / page * page;
      if (first < end) pages_.push_back({reinterpret_cast<void*>(first), end - first});
    }
    EXPECT_FALSE(pages_.empty()) << "no whole page to protect";
    protect(PROT_NONE);
  }
  ~OutOfReach() { protect(PROT_READ | PROT_WRITE); }

 private:
  void protect(int access) {
    for (const auto& [first, bytes] : pages_) EXPECT_EQ(mprotect(first, bytes, access), 0);
  }
  std::vector<std::pair<void*, size_t>> pages_;
};

TEST(Experts, WeightsOfExpertsWithoutWorkAreNotTouched) {
  const LongStep step;
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    const SmallExperts mine(*backend, "f32");
    const Values wanted = step.run(*backend, mine.experts, {LongStep::kRows});
    const OutOfReach gate_up(*mine.experts[6].gate_up), down(*mine.experts[6].down);  // touching them ends the process
    expect_same_bits(step.run(*backend, mine.experts, {LongStep::kRows}), wanted, table->isa);
  }
}

}  // namespace
}  // namespace hearth::ops::cpu
