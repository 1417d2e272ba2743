// Operations on single rows, on every instruction set, against the reference; and their indifference to position.
#include <array>

#include "ops/cpu/tests/samples.h"
#include "ops/reference/operations.h"

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

constexpr Activation kActivations[] = {Activation::kSilu, Activation::kGeluTanh, Activation::kGelu, Activation::kRelu, Activation::kRelu2};

Values activated(const KernelTable& table, Values x, Activation activation) {
  const Values ones(x.size(), 1);
  table.gated(x.data(), ones.data(), x.data(), static_cast<uint32_t>(x.size()), activation);
  return x;
}

TEST(Rows, ActivationsAreAccurate) {
  const Values x = spread(5 * 99);
  for (const KernelTable* table : usable_tables())
    for (const Activation activation : kActivations) {
      const Values got = activated(*table, x, activation);
      const bool is_gelu = activation == Activation::kGelu || activation == Activation::kGeluTanh;
      for (size_t i = 0; i < x.size(); ++i) {
        const float wanted = reference::activate(x[i], activation);
        ASSERT_NEAR(got[i], wanted, 3e-6 * (is_gelu + std::fabs(wanted)) + 1e-37)
            << table->isa << ", activation " << static_cast<int>(activation) << " of " << x[i];
      }
    }
}

TEST(Rows, ExtremesStayFinite) {
  for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh, Activation::kGelu})
    for (const KernelTable* table : usable_tables()) {
      Values x = {-1e30f, -1e4f, -90, -0.0f, 0, 90, 1e4f};
      const Values wanted = {0, 0, 0, 0, 0, 90, 1e4f};
      if (activation == Activation::kGeluTanh) x[0] = -1e9f;  // its cube must stay finite
      const Values got = activated(*table, x, activation);
      for (size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-6 * wanted[i] + 1e-7) << table->isa << " " << i;
    }
}

TEST(Rows, ActivationsOfWhatIsNoNumberAreNone) {
  for (const Activation activation : kActivations)
    for (const KernelTable* table : usable_tables())
      for (const float y : activated(*table, Values(18, NAN), activation))
        EXPECT_TRUE(std::isnan(y)) << table->isa << ", activation " << static_cast<int>(activation);
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

TEST(Rows, NormsAdded) {
  compare("norm added", 2e-6, [](Backend& backend) {
    const Values x = normals(3 * 90, 1), weight = normals(90, 2);
    Values out = normals(3 * 90, 3);
    backend.norm(view(x, 3), view(out, 3), {.weight = weight.data(), .accumulate = true});
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

TEST(Rows, ScalesAndGathers) {
  compare("scale, gather", 1e-6, [](Backend& backend) {
    Values x = normals(3 * 50, 1), out(2 * 50);
    backend.scale(view(x, 3), 1.7f);
    backend.gather_rows(view(x, 3), std::array<uint32_t, 2>{2, 0}, view(out, 2));
    return out;
  });
}

TEST(Rows, SoftmaxSums) {
  for (const uint32_t columns : {1u, 2u, 15u, 16u, 17u, 1023u, 1024u, 1041u, 151'936u}) {
    Values x = normals(3 * columns, columns);
    for (float& v : x) v = 9 * v - 40;  // the largest is below 0, and padding must not count
    const std::array<uint32_t, 2> rows{2, 0};
    std::array<SoftmaxSums, 2> wanted, got;
    reference::make_backend()->softmax_sums(view(std::as_const(x), 3), rows, wanted);
    for (const KernelTable* table : usable_tables()) {
      backend_for(*table)->softmax_sums(view(std::as_const(x), 3), rows, got);
      for (size_t i = 0; i < rows.size(); ++i) {
        EXPECT_EQ(got[i].largest, wanted[i].largest) << table->isa << ", " << columns;
        EXPECT_NEAR(got[i].sum / wanted[i].sum, 1, 1e-6) << table->isa << ", " << columns;
      }
    }
  }
}

TEST(Rows, SoftmaxSumsOfWhatIsNotFiniteAreNoNumber) {
  for (const KernelTable* table : usable_tables())
    for (const float bad : {NAN, INFINITY, -INFINITY})
      for (const size_t at : {0u, 15u, 16u, 17u}) {
        Values x(18, 1.5f);
        x[at] = bad;
        SoftmaxSums sums;
        backend_for(*table)->softmax_sums(view(std::as_const(x), 1), std::array<uint32_t, 1>{0}, {&sums, 1});
        EXPECT_TRUE(std::isnan(sums.sum)) << table->isa << ", " << bad << " at " << at;
      }
}

// A value's result is the same in a vector's middle and in a row's tail.
TEST(Rows, PositionChangesNothing) {
  const Values x = spread(40);
  for (const KernelTable* table : usable_tables())
    for (const Activation activation : kActivations) {
      Values one_by_one;
      for (const float v : x) one_by_one.push_back(activated(*table, {v}, activation)[0]);
      expect_same_bits(activated(*table, x, activation), one_by_one, table->isa);
    }
}

}  // namespace
}  // namespace hearth::ops::cpu
