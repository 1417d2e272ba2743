#pragma once
// Random weights and activations for the tests of this folder, and the reference's answers.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <initializer_list>
#include <numbers>
#include <string>
#include <vector>

#include "base/random.h"
#include "ops/cpu/cpu_backend.h"
#include "ops/cpu/dispatch.h"
#include "ops/reference/reference_backend.h"

namespace hearth::ops::cpu {

inline std::unique_ptr<Backend> backend_for(const KernelTable& table, unsigned threads = 2) {
  return make_backend(table, {.threads = threads, .isa = {}});
}

inline float normal(Random& random) {
  return static_cast<float>(std::sqrt(-2 * std::log(1 - random.uniform())) * std::cos(2 * std::numbers::pi * random.uniform()));
}

inline std::vector<float> normals(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = normal(random);
  return values;
}

inline Matrix view(std::vector<float>& values, uint32_t rows) {
  const auto columns = static_cast<uint32_t>(values.size() / rows);
  return {values.data(), rows, columns, columns};
}
inline ConstMatrix view(const std::vector<float>& values, uint32_t rows) {
  const auto columns = static_cast<uint32_t>(values.size() / rows);
  return {values.data(), rows, columns, columns};
}

// A matrix of random blocks: any bytes whose weights are finite and not absurd.
struct RandomWeight {
  RandomWeight(const quant::Format& f, uint32_t row_count, uint32_t column_count, uint64_t seed)
      : format(f), rows(row_count), columns(column_count) {
    Random random(seed);
    const size_t blocks = size_t{rows} * columns / format.block_values;
    bytes.resize(blocks * format.block_bytes);
    decoded.resize(size_t{rows} * columns);
    for (size_t b = 0; b < blocks; ++b) fill_block(random, bytes.data() + b * format.block_bytes, &decoded[b * format.block_values]);
  }

  WeightSource source() const { return {"w", &format, bytes, rows, columns}; }
  std::unique_ptr<Weight> pack(Backend& backend) const {
    const WeightSource part = source();
    auto weight = backend.pack({&part, 1});
    EXPECT_TRUE(weight.has_value());
    return std::move(*weight);
  }

  const quant::Format& format;
  uint32_t rows, columns;
  std::vector<std::byte> bytes;
  std::vector<float> decoded;

 private:
  void fill_block(Random& random, std::byte* block, float* values) const {
    const bool integers = format.block_values == 1 && format.encode == nullptr;
    const float bound = integers ? 1e20f : 8;
    while (true) {
      for (uint32_t i = 0; i < format.block_bytes; ++i) block[i] = static_cast<std::byte>(random.next());
      format.decode(block, 1, values);
      bool usable = true;
      for (uint32_t i = 0; i < format.block_values; ++i) usable = usable && std::fabs(values[i]) < bound;
      if (usable) return;
    }
  }
};

inline std::unique_ptr<Weight> stacked(Backend& backend, std::initializer_list<WeightSource> parts) {
  auto weight = backend.pack(parts);
  EXPECT_TRUE(weight.has_value());
  return std::move(*weight);
}

// Columns that every format takes, as few as may be.
inline uint32_t columns_for(const quant::Format& format, uint32_t blocks) { return format.block_values * blocks; }

inline void expect_same_bits(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(a[i]), std::bit_cast<uint32_t>(b[i])) << what << ": value " << i << ", " << a[i] << " against " << b[i];
}

}  // namespace hearth::ops::cpu
