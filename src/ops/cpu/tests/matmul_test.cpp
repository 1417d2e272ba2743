// Packed weights and products of every format, on every instruction set this machine has, against the reference.
#include "ops/cpu/packed_weight.h"
#include "ops/cpu/tests/samples.h"
#include "runner/shared_data.h"

namespace hearth::ops::cpu {
namespace {

constexpr uint32_t kRowCounts[] = {1, 2, 3, 4, 5, 8, 16, 17, 33, 64, 65};

TEST(PackedWeight, HoldsEveryValueOfEveryFormat) {
  const auto backend = backend_for(*usable_tables().front());
  size_t cases = 0;
  for (const quant::Format& format : quant::formats())
    for (const uint32_t rows : {1u, 16u, 37u}) {
      const RandomWeight weight(format, rows, columns_for(format, 3), 7 + rows);
      const auto packed_weight = weight.pack(*backend);
      std::vector<float> row(weight.columns);
      for (int32_t r = 0; r < static_cast<int32_t>(rows); ++r) {
        backend->embed(*packed_weight, {&r, 1}, view(row, 1));
        const auto* first = &weight.decoded[static_cast<size_t>(r) * weight.columns];
        expect_same_bits(row, {first, first + weight.columns}, std::string(format.name) + " row " + std::to_string(r));
      }
      ++cases;
    }
  hearth::testing::count_cases("kernel cases", cases);
}

// What rounding can explain. Integer layouts round activations to 8 bits: each is off by at most half a step of its group of
// 32 or 256, so an output is off by at most sum |w| * step / 2; f32 sums add at most columns * 2^-24 * sum |w x| to that.
std::vector<double> error_bounds(const RandomWeight& w, const Packer& packer, const float* x) {
  std::vector<double> steps(w.columns, 0);
  if (const uint32_t group = packer.activation_group; group != 0)
    for (uint32_t i = 0; i < w.columns; ++i) {
      const float* first = x + i / group * group;
      for (uint32_t k = 0; k < group; ++k) steps[i] = std::max<double>(steps[i], std::fabs(first[k]) / 127);
    }
  std::vector<double> bounds(w.rows);
  for (uint32_t o = 0; o < w.rows; ++o)
    for (uint32_t i = 0; i < w.columns; ++i) {
      const double weight = std::fabs(w.decoded[size_t{o} * w.columns + i]);
      bounds[o] += weight * (steps[i] / 2 * 1.0001 + w.columns * 0x1p-24 * std::fabs(x[i]));
    }
  // Minimums are subtracted as sums of their own, larger than what they leave: their rounding counts in full.
  for (double& b : bounds) b = b * 1.001 + 1e-30;
  return bounds;
}

// Kernels that round activations for bf16 panels do so before anything else: the reference gets them rounded, and nothing but
// sums remains to differ.
std::vector<float> as_read(const std::vector<float>& x, const Packer& packer, const KernelTable& table) {
  std::vector<float> read = x;
  if (packer.bf16 && table.products->round_bf16 != nullptr)
    for (float& value : read) value = Bf16::from(value);
  return read;
}

void expect_near_reference(const KernelTable& table, Backend& backend, const RandomWeight& w, uint32_t rows, const std::string& what) {
  const auto oracle = reference::make_backend();
  const auto mine = w.pack(backend), theirs = w.pack(*oracle);
  const Packer& packer = packer_of(w.format);
  const std::vector<float> x = normals(size_t{rows} * w.columns, rows), read = as_read(x, packer, table);
  std::vector<float> got(size_t{rows} * w.rows), wanted(got.size());
  backend.matmul(*mine, view(x, rows), view(got, rows), {});
  oracle->matmul(*theirs, view(read, rows), view(wanted, rows), {});
  for (uint32_t r = 0; r < rows; ++r) {
    const std::vector<double> bounds = error_bounds(w, packer, &read[size_t{r} * w.columns]);
    for (uint32_t o = 0; o < w.rows; ++o)
      ASSERT_NEAR(got[size_t{r} * w.rows + o], wanted[size_t{r} * w.rows + o], bounds[o]) << what << " row " << r << " output " << o;
  }
}

TEST(Matmul, EveryFormatNearTheReference) {
  size_t cases = 0;
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const quant::Format& format : quant::formats()) {
      const std::string what = std::string(format.name) + " on " + table->isa;
      const uint32_t short_blocks = format.block_values >= 256 ? 2 : format.block_values >= 32 ? 9 : 172;
      for (const uint32_t rows : kRowCounts) {
        expect_near_reference(*table, *backend, RandomWeight(format, 21, columns_for(format, short_blocks), rows), rows,
                              what + " with " + std::to_string(rows) + " rows");
        ++cases;
      }
      for (const uint32_t outputs : {1u, 15u, 48u}) {  // one block; panels that are not full
        expect_near_reference(*table, *backend, RandomWeight(format, outputs, columns_for(format, 1), outputs), 3, what);
        ++cases;
      }
    }
  }
  hearth::testing::count_cases("kernel cases", cases);
}

// Codes at their ends all along a row, activations that are all 127 in codes: sums as large as they get. One weight of sixteen is
// at the other end, so that formats with minimums use their whole range too.
TEST(Matmul, TheLargestSumsDoNotOverflow) {
  size_t cases = 0;
  const auto oracle = reference::make_backend();
  for (const quant::Format& format : quant::formats()) {
    if (format.encode == nullptr || format.block_values == 1) continue;
    constexpr uint32_t kRows = 70, kOutputs = 16, kColumns = 1024;
    for (const float most : {1.0f, -1.0f}) {
      std::vector<float> weights(size_t{kOutputs} * kColumns, most);
      for (size_t i = 5; i < weights.size(); i += 16) weights[i] = -most;
      std::vector<std::byte> bytes(kOutputs * format.row_bytes(kColumns));
      format.encode(weights, {}, bytes.data());
      const WeightSource source{"w", &format, bytes, kOutputs, kColumns};
      std::vector<float> x(size_t{kRows} * kColumns, 1.0f), wanted(kRows * kOutputs), got(wanted.size());
      for (size_t i = x.size() / 2; i < x.size(); ++i) x[i] = -1;
      oracle->matmul(*stacked(*oracle, {source}), view(x, kRows), view(wanted, kRows), {});
      for (const KernelTable* table : usable_tables()) {
        const auto backend = backend_for(*table);
        const auto weight = stacked(*backend, {source});
        for (const uint32_t rows : {1u, 9u, kRows}) {
          const ConstMatrix last{&x[size_t{kRows - rows} * kColumns], rows, kColumns, kColumns};
          backend->matmul(*weight, last, {got.data(), rows, kOutputs, kOutputs}, {});
          for (size_t i = 0; i < size_t{rows} * kOutputs; ++i) {
            const double expected = wanted[size_t{kRows - rows} * kOutputs + i];
            ASSERT_NEAR(got[i], expected, 1e-4 * std::fabs(expected) + 1e-3) << format.name << " of " << most << " on " << table->isa << " rows " << rows << " value " << i;
          }
          ++cases;
        }
      }
    }
  }
  hearth::testing::count_cases("kernel cases", cases);
}

// Not silent: which instruction sets of this build the tests of this folder could not run on.
TEST(Tables, EveryInstructionSetRunsHere) {
  std::string absent;
  const auto usable = usable_tables();
  EXPECT_FALSE(usable.empty());
  for (const KernelTable* table : all_tables())
    if (std::find(usable.begin(), usable.end(), table) == usable.end()) absent += (absent.empty() ? "" : ", ") + std::string(table->isa);
  if (!absent.empty()) GTEST_SKIP() << "this machine does not have " << absent;
}

std::vector<float> product(Backend& backend, const Weight& weight, const std::vector<float>& x, uint32_t rows) {
  std::vector<float> out(size_t{rows} * weight.rows);
  backend.matmul(weight, view(x, rows), view(out, rows), {});
  return out;
}

// Ties to even, infinities, NaN, zeros of both signs: an activation means what its bf16 means, and what is no number is seen.
TEST(Matmul, Bf16PanelsReadActivationsRoundedToNearestEvenWhereTheyRound) {
  const std::vector<float> x = {0x1.01p0f,  0x1.03p0f, 0x1.0100002p0f, -0x1.01p3f, 0x1.fffffep5f, 0x1.00fffep-9f,
                                0x1p-126f, -0.0f,     0x1.feffp127f,  3,          -7,            0.1f};
  const auto columns = static_cast<uint32_t>(x.size());
  std::vector<std::byte> ones(16 * x.size() * sizeof(Bf16));
  for (size_t i = 0; i < ones.size() / 2; ++i) std::memcpy(&ones[2 * i], std::initializer_list<Bf16>{Bf16::from(1)}.begin(), 2);
  const WeightSource source{"w", quant::find_format("bf16"), ones, 16, columns};
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    const auto weight = stacked(*backend, {source});
    const bool rounds = table->products->round_bf16 != nullptr;
    for (uint32_t i = 0; i < columns; ++i) {
      std::vector<float> one(columns, 0.0f);
      one[i] = x[i];
      const float wanted = rounds ? float{Bf16::from(x[i])} : x[i];
      EXPECT_EQ(product(*backend, *weight, one, 1), std::vector<float>(16, wanted)) << table->isa << " activation " << x[i];
    }
    for (const uint32_t rows : {1u, 13u}) {
      std::vector<float> infinite(rows * columns, 1.0f), none(rows * columns, 1.0f);
      infinite[3] = -INFINITY;
      none[4] = NAN;
      EXPECT_EQ(product(*backend, *weight, infinite, rows)[0], -INFINITY) << table->isa;
      EXPECT_TRUE(std::isnan(product(*backend, *weight, none, rows)[15])) << table->isa;
      if (rows > 1) EXPECT_EQ(product(*backend, *weight, none, rows)[16], columns) << table->isa;
    }
  }
}

// An activation that is no finite number reaches every output of its row and none of another.
TEST(Matmul, WhatIsNoNumberDoesNotGetLost) {
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const char* name : {"q4_0", "q4_1", "q8_0", "mxfp4", "q4_k", "q6_k", "iq4_xs", "f16", "f32"}) {
      const RandomWeight source(*quant::find_format(name), 21, 512, 3);
      const auto weight = source.pack(*backend);
      for (const uint32_t rows : {1u, 5u, 70u})
        for (const uint32_t place : {0u, 40u, 511u}) {
          std::vector<float> x = normals(size_t{rows} * source.columns, 5);
          x[place] = NAN;
          if (rows > 3) x[size_t{3} * source.columns + place] = INFINITY;
          const std::vector<float> out = product(*backend, *weight, x, rows);
          for (size_t i = 0; i < out.size(); ++i) {
            const size_t row = i / source.rows;
            ASSERT_EQ(std::isfinite(out[i]), row != 0 && row != 3) << table->isa << " " << name << " rows " << rows << " row " << row;
          }
        }
    }
  }
}

// So small that 127 divided by it is infinite: zeros stay zeros.
TEST(Matmul, ActivationsNextToNothingAreNothing) {
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const char* name : {"q8_0", "q4_k"}) {
      const RandomWeight source(*quant::find_format(name), 16, 256, 3);
      std::vector<float> x(source.columns);
      x[7] = 3e-38f;
      for (const float y : product(*backend, *source.pack(*backend), x, 1)) EXPECT_LT(std::fabs(y), 1e-36f) << table->isa << " " << name;
    }
  }
}

TEST(Matmul, TheSameBitsInAnyBatch) {
  size_t cases = 0;
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const quant::Format& format : quant::formats()) {
      const RandomWeight source(format, 19, columns_for(format, format.block_values >= 256 ? 2 : 10), 3);
      const auto weight = source.pack(*backend);
      constexpr uint32_t kMost = 203;  // whole blocks of rows, tiles of every size in the last
      const std::vector<float> x = normals(size_t{kMost} * source.columns, 5);
      std::vector<float> alone;
      for (uint32_t r = 0; r < kMost; ++r) {
        const auto first = x.begin() + r * source.columns;
        const auto out = product(*backend, *weight, {first, first + source.columns}, 1);
        alone.insert(alone.end(), out.begin(), out.end());
      }
      for (uint32_t rows : {2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 10u, 11u, 12u, 13u, 14u, 15u, 16u, 17u, 23u, 25u, 31u, 33u, 64u, 67u, 95u, 97u, 203u}) {
        const std::vector<float> some(x.begin(), x.begin() + rows * source.columns);
        expect_same_bits(product(*backend, *weight, some, rows), {alone.begin(), alone.begin() + rows * source.rows},
                         std::string(format.name) + " on " + table->isa + ", rows " + std::to_string(rows));
        ++cases;
      }
      std::vector<float> reversed, wanted;
      for (uint32_t r = 61; r-- > 0;) {
        reversed.insert(reversed.end(), x.begin() + r * source.columns, x.begin() + (r + 1) * source.columns);
        wanted.insert(wanted.end(), alone.begin() + r * source.rows, alone.begin() + (r + 1) * source.rows);
      }
      expect_same_bits(product(*backend, *weight, reversed, 61), wanted, std::string(format.name) + " on " + table->isa + ", reversed");
    }
  }
  hearth::testing::count_cases("kernel cases", cases);
}

TEST(Matmul, TheSameBitsOnAnyNumberOfThreads) {
  for (const char* name : {"q4_k", "q6_k", "q8_0", "bf16"}) {
    const quant::Format& format = *quant::find_format(name);
    const RandomWeight source(format, 500, 512, 11);
    const std::vector<float> x = normals(5 * 512, 12);
    std::vector<std::vector<float>> answers;
    for (unsigned threads : {1u, 2u, 3u}) {
      const auto backend = backend_for(*usable_tables().front(), threads);
      answers.push_back(product(*backend, *source.pack(*backend), x, 5));
    }
    expect_same_bits(answers[1], answers[0], std::string(name) + " two threads");
    expect_same_bits(answers[2], answers[0], std::string(name) + " three threads");
  }
}

TEST(Matmul, StackedPartsBiasAndAccumulation) {
  const auto backend = backend_for(*usable_tables().front());
  const auto oracle = reference::make_backend();
  const RandomWeight a(*quant::find_format("q6_k"), 20, 256, 1), b(*quant::find_format("f32"), 7, 256, 2),
      c(*quant::find_format("q8_0"), 33, 256, 3);
  const WeightSource parts[] = {a.source(), b.source(), c.source()};
  const auto mine = backend->pack(parts), theirs = oracle->pack(parts);
  ASSERT_TRUE(mine && theirs);
  EXPECT_EQ((*mine)->rows, 60u);
  EXPECT_EQ((*mine)->layout_name, "mixed");
  const std::vector<float> x = normals(2 * 256, 4), bias = normals(60, 5);
  std::vector<float> got = normals(120, 6), wanted = got;
  backend->matmul(**mine, view(x, 2), view(got, 2), {.bias = bias.data(), .accumulate = true});
  oracle->matmul(**theirs, view(x, 2), view(wanted, 2), {.bias = bias.data(), .accumulate = true});
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1.0) << i;   // 8-bit activations of random q6_k rows
  for (size_t i = 20; i < 27; ++i) EXPECT_NEAR(got[i], wanted[i], 1e-3) << i;         // the f32 part
}

// Half of a feed-forward in one product: the bits of its pieces, one after the other.
struct GatedPieces {
  GatedPieces(Backend& backend, const char* gate_format, const char* up_format)
      : gate(*quant::find_format(gate_format), 37, 512, 1), up(*quant::find_format(up_format), 37, 512, 2),
        gate_weight(gate.pack(backend)), up_weight(up.pack(backend)), both(stacked(backend, {gate.source(), up.source()})) {}

  std::vector<float> apart(Backend& backend, const KernelTable& table, const std::vector<float>& x, uint32_t rows,
                           const MatmulOptions& options) const {
    std::vector<float> normed(x.size()), gates(rows * 37), ups(rows * 37);
    backend.norm(view(x, rows), view(normed, rows), *options.norm);
    backend.matmul(*gate_weight, view(normed, rows), view(gates, rows), {.bias = options.bias});
    backend.matmul(*up_weight, view(normed, rows), view(ups, rows), {.bias = options.bias + 37});
    table.gated(gates.data(), ups.data(), gates.data(), static_cast<uint32_t>(gates.size()), *options.gated);
    return gates;
  }
  RandomWeight gate, up;
  std::unique_ptr<Weight> gate_weight, up_weight, both;
};

TEST(Matmul, NormGateAndUpInOneAreTheBitsOfTheirPieces) {
  const std::vector<float> bias = normals(2 * 37, 3), norm_weight = normals(512, 4);
  const NormOptions norm{.weight = norm_weight.data()};
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    for (const auto& [gate, up] : {std::pair{"q4_k", "q4_k"}, {"q4_k", "q6_k"}, {"q8_0", "f32"}, {"bf16", "bf16"}, {"f64", "q4_0"}}) {
      const GatedPieces pieces(*backend, gate, up);
      for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh, Activation::kGelu, Activation::kRelu, Activation::kRelu2})
        for (const uint32_t rows : {1u, 9u, 100u}) {
          const std::vector<float> x = normals(rows * 512, rows);
          const MatmulOptions options{.norm = &norm, .bias = bias.data(), .gated = activation};
          std::vector<float> got(rows * 37);
          backend->matmul(*pieces.both, view(x, rows), view(got, rows), options);
          expect_same_bits(got, pieces.apart(*backend, *table, x, rows, options), std::string(gate) + " and " + up + " on " + table->isa);
        }
    }
  }
}

TEST(Matmul, NormGateAndUpInOneNearTheReference) {
  const std::vector<float> bias = normals(2 * 37, 3), norm_weight = normals(512, 4), x = normals(5 * 512, 5);
  const NormOptions norm{.weight = norm_weight.data()};
  const MatmulOptions options{.norm = &norm, .bias = bias.data(), .gated = Activation::kSilu, .accumulate = true};
  const auto oracle = reference::make_backend();
  std::vector<float> wanted = normals(5 * 37, 6);
  oracle->matmul(*GatedPieces(*oracle, "f32", "f16").both, view(x, 5), view(wanted, 5), options);
  for (const KernelTable* table : usable_tables()) {
    const auto backend = backend_for(*table);
    std::vector<float> got = normals(5 * 37, 6);
    backend->matmul(*GatedPieces(*backend, "f32", "f16").both, view(x, 5), view(got, 5), options);
    for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], wanted[i], 2e-4 * (1 + std::fabs(wanted[i]))) << table->isa << " " << i;
  }
}

TEST(Dispatch, RefusesWhatItDoesNotKnow) {
  const auto refused = make_backend({.isa = "abacus"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kConfig);
  EXPECT_NE(refused.error().message.find("scalar"), std::string::npos);
}

}  // namespace
}  // namespace hearth::ops::cpu
