// Operations on single rows, on every instruction set, against the reference; and their indifference to position.
#include <array>

#include "ops/cpu/tests/samples.h"

namespace hearth::ops::cpu {
namespace {

using Values = std::vector<float>;

// Runs `operation` on every usable instruction set and on the reference; results agree to `relative` of the largest value
// (of each value where `each`).
template <class Operation>
void compare(const char* what, double relative, Operation operation, bool each = false) {
  const Values wanted = operation(*reference::make_backend());
  double largest = 0;
  for (float v : wanted) largest = std::max<double>(largest, std::fabs(v));
  for (const KernelTable* table : usable_tables()) {
    const Values got = operation(*backend_for(*table));
    ASSERT_EQ(got.size(), wanted.size());
    for (size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(got[i], wanted[i], relative * (each ? std::fabs(wanted[i]) : largest) + 1e-37)
          << what << " on " << table->isa << ", value " << i;
  }
}

// Numbers over the whole useful range of an activation, signs included.
Values spread(size_t count) {
  Values x = normals(count, 3);
  for (size_t i = 0; i < count; ++i) x[i] *= std::exp2f(static_cast<float>(i % 24) - 18);
  return x;
}

TEST(Rows, ActivationsAreAccurate) {
  for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh, Activation::kRelu, Activation::kRelu2})
    compare("activation", 3e-6, [&](Backend& backend) {
      Values x = spread(5 * 99);
      backend.activate(view(x, 5), activation);
      return x;
    }, activation != Activation::kGeluTanh);
  compare("gelu", 1e-6, [&](Backend& backend) {
    Values x = spread(5 * 99);
    backend.activate(view(x, 5), Activation::kGelu);
    return x;
  });
  compare("gated", 3e-6, [&](Backend& backend) {
    const Values gate = spread(3 * 172), up = normals(3 * 172, 5);
    Values out(3 * 172);
    backend.gated(view(gate, 3), view(up, 3), view(out, 3), Activation::kSilu);
    return out;
  }, true);
}

TEST(Rows, ExtremesStayFinite) {
  for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh, Activation::kGelu})
    for (const KernelTable* table : usable_tables()) {
      Values x = {-1e30f, -1e4f, -90, -0.0f, 0, 90, 1e4f};
      const Values wanted = {0, 0, 0, 0, 0, 90, 1e4f};
      if (activation == Activation::kGeluTanh) x[0] = -1e9f;  // its cube must stay finite
      backend_for(*table)->activate(view(x, 1), activation);
      for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], wanted[i], 1e-6 * wanted[i] + 1e-7) << table->isa << " " << i;
    }
}

TEST(Rows, Softcap) {
  compare("softcap", 3e-6, [](Backend& backend) {
    Values x = spread(4 * 77);
    for (float& v : x) v *= 30;
    backend.softcap(view(x, 4), 30);
    return x;
  }, true);
}

TEST(Rows, Norms) {
  for (const uint32_t width : {8u, 64u, 90u, 1024u})
    for (const NormKind kind : {NormKind::kRms, NormKind::kLayer})
      for (const uint32_t groups : {1u, 2u})
        compare("norm", 2e-6, [&](Backend& backend) {
          Values x = normals(3 * width, width), weight = normals(width / groups, 2), bias = normals(width / groups, 3);
          for (float& v : x) v += 0.5f;
          Values out(x.size());
          backend.norm(view(x, 3), view(out, 3),
                       {.kind = kind, .weight = weight.data(), .bias = bias.data(), .eps = 1e-6f, .groups = groups});
          return out;
        });
}

TEST(Rows, Rope) {
  for (const bool interleaved : {false, true})
    for (const uint32_t dims : {8u, 40u, 64u})
      compare("rope", 1e-6, [&](Backend& backend) {
        Values x = normals(3 * 2 * 72, 1), angles(3 * dims);
        for (size_t i = 0; i < angles.size(); ++i) angles[i] = std::sin(static_cast<float>(i));
        backend.rope(view(x, 3), view(angles, 3), {.heads = 2, .head_dim = 72, .dims = dims, .interleaved = interleaved});
        return x;
      });
}

TEST(Rows, SumsAndGathers) {
  compare("add, scale, gather", 1e-6, [](Backend& backend) {
    Values x = normals(3 * 50, 1), y = normals(3 * 50, 2), out(2 * 50);
    backend.add(view(x, 3), view(y, 3), 0.3f);
    backend.scale(view(x, 3), 1.7f);
    backend.gather_rows(view(x, 3), std::array<uint32_t, 2>{2, 0}, view(out, 2));
    return out;
  });
}

// A value's result is the same in a vector's middle and in a row's tail.
TEST(Rows, PositionChangesNothing) {
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh, Activation::kGelu}) {
      const Values x = spread(40);
      Values whole = x, single = x;
      backend->activate(view(whole, 1), activation);
      backend->activate(view(single, 40), activation);  // forty rows of one value
      expect_same_bits(whole, single, table->isa);
    }
  }
}

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
  SmallExperts(Backend& backend, const char* format) {
    for (uint64_t e = 0; e < 7; ++e) {
      weights.push_back(RandomWeight(*quant::find_format(format), 2 * 32, 64, 100 + e).pack(backend));
      weights.push_back(RandomWeight(*quant::find_format(format), 64, 32, 200 + e).pack(backend));
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
  oracle->experts(view(x, kRows), theirs.experts, routes, kActive, view(wanted, kRows), Activation::kSilu, 0);
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const char* format : {"f32", "q4_0"}) {
      const SmallExperts mine(*backend, format);
      std::vector<Expert> experts(mine.experts.begin(), mine.experts.end());
      experts[6] = {};  // has no work: not even looked at
      Values got(kRows * 64), alone(kRows * 64);
      backend->experts(view(x, kRows), experts, routes, kActive, view(got, kRows), Activation::kSilu, 0);
      for (uint32_t r = 0; r < kRows; ++r)
        backend->experts({&x[r * 64], 1, 64, 64}, mine.experts, std::span(routes).subspan(r * kActive, kActive), kActive,
                         {&alone[r * 64], 1, 64, 64}, Activation::kSilu, 0);
      expect_same_bits(got, alone, std::string("experts on ") + table->isa);
      if (format == std::string("f32"))
        for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 2e-5 * (1 + std::fabs(wanted[i]))) << i;
    }
  }
}

}  // namespace
}  // namespace hearth::ops::cpu
