#include "quant/codecs.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/random.h"
#include "runner/shared_data.h"

namespace hearth::quant {

namespace {

std::vector<float> decode(const Format& format, const std::byte* blocks, size_t count) {
  std::vector<float> weights(count * format.block_values);
  format.decode(blocks, count, weights.data());
  return weights;
}

bool same_bits(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

}  // namespace

// Every listed format against blocks and weights of an independent decoder (tools/golden/quant.py).
TEST(Codecs, DecodeAsTheReferenceDoes) {
  size_t weights = 0;
  for (const Format& format : formats()) {
    SCOPED_TRACE(format.name);
    const auto file = read_text_file(testing::source_path("tests/golden/quant/" + std::string(format.name) + ".bin"));
    ASSERT_TRUE(file.has_value()) << file.error().text();
    char name[16];
    size_t blocks = 0, bytes = 0, values = 0;
    ASSERT_EQ(std::sscanf(file->c_str(), "hearth-golden %15s blocks %zu bytes %zu values %zu", name, &blocks, &bytes,
                          &values),
              4);
    ASSERT_EQ(name, format.name);
    ASSERT_EQ(bytes, format.block_bytes);
    ASSERT_EQ(values, format.block_values);
    const size_t head = file->find('\n') + 1;
    ASSERT_EQ(file->size(), head + blocks * (bytes + 4 * values));
    ASSERT_GE(blocks, 32u);

    const auto* golden = reinterpret_cast<const std::byte*>(file->data()) + head;
    const std::vector<float> ours = decode(format, golden, blocks);
    for (size_t i = 0; i < ours.size(); ++i) {
      float expected;
      std::memcpy(&expected, golden + blocks * bytes + 4 * i, 4);
      ASSERT_TRUE(same_bits(ours[i], expected))
          << "block " << i / values << " weight " << i % values << ": " << ours[i] << " instead of " << expected;
    }
    weights += ours.size();
  }
  testing::count_cases("weights decoded as the reference", weights);
}

// Random bytes in an allocation of their exact size, unaligned: sanitizers see any read outside.
TEST(Codecs, DecodeAnyBytesWithinTheirBounds) {
  Random random(3);
  for (const Format& format : formats())
    for (const size_t offset : {0, 1, 3}) {
      constexpr size_t kBlocks = 17;
      const size_t bytes = kBlocks * format.block_bytes;
      const auto storage = std::make_unique<std::byte[]>(offset + bytes);
      std::byte* blocks = storage.get() + offset;
      for (size_t i = 0; i < bytes; ++i) blocks[i] = static_cast<std::byte>(random.next());
      const std::vector<float> together = decode(format, blocks, kBlocks);
      for (size_t b = 0; b < kBlocks; ++b) {
        const std::vector<float> alone = decode(format, blocks + b * format.block_bytes, 1);
        for (size_t i = 0; i < alone.size(); ++i)
          ASSERT_TRUE(same_bits(alone[i], together[b * format.block_values + i])) << format.name;
      }
    }
}

template <class F>
void expect_codes_in_range() {
  if constexpr (GroupedFormat<F>) {
    static_assert(F::kBlockValues % F::kGroupValues == 0);
    Random random(4);
    int least = 0, most = 0;
    for (int round = 0; round < 200; ++round) {
      typename F::Block block;
      auto* bytes = reinterpret_cast<unsigned char*>(&block);
      for (size_t i = 0; i < sizeof block; ++i) bytes[i] = static_cast<unsigned char>(random.next());
      for (size_t g = 0; g < F::kBlockValues / F::kGroupValues; ++g) {
        int8_t codes[F::kGroupValues];
        F::unpack(block, g, codes);
        for (const int code : codes) {
          least = std::min(least, code);
          most = std::max(most, code);
          if constexpr (requires { F::kTable; })
            EXPECT_TRUE(std::ranges::find(F::kTable, code) != F::kTable.end()) << F::kName;
        }
      }
    }
    EXPECT_EQ(least, F::kCodes.lo) << F::kName;
    EXPECT_EQ(most, F::kCodes.hi) << F::kName;
  }
}

template <class... F>
void expect_codes_in_range_of_all(CodecList<F...>) {
  (expect_codes_in_range<F>(), ...);
}

// Packers size their codes by kCodes: what unpack writes reaches both ends and never passes them.
TEST(Codecs, CodesReachTheirBoundsAndStayWithin) { expect_codes_in_range_of_all(Codecs{}); }

TEST(Codecs, AreFoundByNameAndNumber) {
  std::set<std::string_view> names;
  std::set<int32_t> numbers;
  for (const Format& format : formats()) {
    EXPECT_TRUE(names.insert(format.name).second) << format.name;
    EXPECT_TRUE(numbers.insert(format.gguf_id).second) << format.name;
    EXPECT_EQ(find_format(format.name), &format);
    EXPECT_EQ(find_gguf_format(static_cast<uint32_t>(format.gguf_id)), &format);
    EXPECT_EQ(&quant::format(id_of(format)), &format);
    EXPECT_FALSE(format.summary.empty());
    EXPECT_FLOAT_EQ(format.bits_per_weight * static_cast<float>(format.block_values),
                    8.0f * static_cast<float>(format.block_bytes));
  }
  EXPECT_EQ(find_format("Q4_K"), find_format("q4_k"));
  EXPECT_EQ(find_format("q4"), nullptr);
  EXPECT_EQ(find_format(""), nullptr);
  for (const uint32_t removed : {4u, 5u, 31u, 36u, 0xFFFFFFFFu}) EXPECT_EQ(find_gguf_format(removed), nullptr);
}

}  // namespace hearth::quant
