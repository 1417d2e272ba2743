// Every KV type of the list: what is written is read back, near to what it was, where it belongs and nowhere else.
#include "ops/kv/kv_types.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <vector>

#include "base/random.h"
#include "ops/kv_view.h"
#include "quant/format.h"

namespace hearth::ops {
namespace {

constexpr uint32_t kDim = 96;

std::vector<float> normals(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values)
    v = static_cast<float>(std::sqrt(-2 * std::log(1 - random.uniform())) * std::cos(2 * std::numbers::pi * random.uniform()));
  return values;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {  // root mean square
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

KvType type_of(const KvFormat& format) { return static_cast<KvType>(&format - kv_formats().data()); }

std::vector<float> rounded(const KvFormat& format, const std::vector<float>& x) {
  const auto dim = static_cast<uint32_t>(x.size());
  std::vector<std::byte> tile(kKvTile * kv_row_bytes(type_of(format), dim));
  std::vector<float> out(dim);
  format.put_value(x.data(), dim, tile.data(), 5);
  format.get_value(tile.data(), dim, 5, out.data());
  return out;
}

TEST(KvTypes, KeysAndValuesComeBackTheSameFromEveryPlace) {
  for (const KvFormat& format : kv_formats()) {
    std::vector<std::byte> keys(kKvTile * kv_row_bytes(type_of(format), kDim), std::byte{0xA5}), values = keys, alone = keys;
    std::vector<std::vector<float>> wanted(kKvTile, std::vector<float>(kDim));
    for (const uint32_t token : {3u, 0u, 15u, 8u, 1u, 2u, 4u, 5u, 6u, 7u, 14u, 13u, 12u, 11u, 10u, 9u}) {
      const std::vector<float> x = normals(kDim, token + 1);
      format.put_value(x.data(), kDim, alone.data(), 0);
      format.get_value(alone.data(), kDim, 0, wanted[token].data());
      format.put_key(x.data(), kDim, keys.data(), token);
      format.put_value(x.data(), kDim, values.data(), token);
    }
    for (uint32_t token = 0; token < kKvTile; ++token) {  // no token was disturbed by those written after it
      std::vector<float> got(kDim);
      format.get_key(keys.data(), kDim, token, got.data());
      EXPECT_EQ(got, wanted[token]) << format.name << " key " << token;
      format.get_value(values.data(), kDim, token, got.data());
      EXPECT_EQ(got, wanted[token]) << format.name << " value " << token;
    }
  }
}

TEST(KvTypes, RoundingCostsLittleMoreThanTheBestEncoderOfTheFormat) {
  const std::vector<float> x = normals(64 * kDim, 9);
  for (const KvFormat& format : kv_formats()) {
    const double error = distance(rounded(format, x), x);
    const quant::Format* codec = quant::find_format(format.name);
    if (codec == nullptr) {
      EXPECT_LT(error, 0.03) << format.name;  // three bits of mantissa
      continue;
    }
    std::vector<std::byte> blocks(x.size() / codec->block_values * codec->block_bytes);
    std::vector<float> best(x.size());
    codec->encode(x, {}, blocks.data());
    codec->decode(blocks.data(), x.size() / codec->block_values, best.data());
    EXPECT_EQ(format.block_bytes, codec->block_bytes) << format.name;
    EXPECT_LE(error, 1.25 * distance(best, x)) << format.name;
  }
}

TEST(KvTypes, LargeAndTinyNumbersSaturateAndVanish) {
  for (const KvFormat& format : kv_formats())
    for (const float magnitude : {3e38f, 60000.0f, 1e-30f, 0.0f}) {
      std::vector<float> x(32, magnitude);
      x[7] = -magnitude;
      const std::vector<float> got = rounded(format, x);
      const bool overflows = format.name == "f16" && magnitude > 65504;  // f16 alone has an infinity to say it with
      for (size_t i = 0; i < 32; ++i) {
        EXPECT_EQ(std::isfinite(got[i]), !overflows) << format.name << " " << magnitude;
        EXPECT_LE(std::fabs(got[i]), magnitude * 1.2f) << format.name;
        EXPECT_GE(got[i] * x[i], 0) << format.name << " " << magnitude;
      }
    }
}

TEST(KvTypes, WhatIsNotFiniteIsNotHidden) {
  for (const KvFormat& format : kv_formats())
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
      std::vector<float> x = normals(32, 4);
      x[11] = bad;
      EXPECT_FALSE(std::isfinite(rounded(format, x)[11])) << format.name << " " << bad;
    }
}

TEST(KvTypes, NamesAreFoundAndOthersAreNot) {
  for (const KvFormat& format : kv_formats()) {
    const auto found = find_kv_type(format.name);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(&kv_format(*found), &format);
  }
  const auto unknown = find_kv_type("q9");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_NE(unknown.error().message.find("q9"), std::string::npos);
  EXPECT_NE(unknown.error().message.find("q8_0"), std::string::npos) << unknown.error().message;
}

TEST(KvLayer, PagesHaveNoBytesToSpare) {
  const struct {
    KvType k, v;
    size_t bytes;  // of sixteen tokens, two heads, keys of 64 and values of 32
  } cases[] = {{KvType::kF32, KvType::kF32, 16 * 2 * 4 * 96},       {KvType::kF16, KvType::kBf16, 16 * 2 * 2 * 96},
               {KvType::kQ8_0, KvType::kQ8_0, 16 * 2 * 3 * 34},     {KvType::kFp8E4m3, KvType::kFp8E4m3, 16 * 2 * 96},
               {KvType::kQ5_1, KvType::kQ4_0, 16 * 2 * (2 * 24 + 18)}, {KvType::kQ4_0, KvType::kF16, 16 * 2 * (2 * 18 + 64)}};
  for (const auto& c : cases) {
    std::byte page[16 * 2 * 4 * 96];
    const KvLayer layer{.first_page = page, .page_tokens = 16, .kv_heads = 2, .k_dim = 64, .v_dim = 32, .k_type = c.k, .v_type = c.v};
    EXPECT_EQ(layer.bytes_per_page(), c.bytes);
    EXPECT_EQ(static_cast<size_t>(layer.values(0, 2) - layer.keys(0, 0)), c.bytes);
  }
}

TEST(KvLayer, HeadsThatAreNoWholeBlocksAreRefused) {
  KvLayer layer{.page_tokens = 16, .kv_heads = 1, .k_dim = 80, .v_dim = 96, .k_type = KvType::kF16, .v_type = KvType::kQ4_0};
  EXPECT_TRUE(check_kv(layer).has_value());
  layer.k_type = KvType::kQ8_0;
  const auto refused = check_kv(layer);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("keys of 80"), std::string::npos) << refused.error().message;
  EXPECT_NE(refused.error().message.find("f16"), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find("q5_1"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace hearth::ops
