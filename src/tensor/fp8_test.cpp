#include "tensor/fp8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>


namespace hearth {
namespace {

TEST(Fp8E4M3, EveryCodeIsWhatTheFormatSays) {
  for (int code = 0; code < 256; ++code) {
    const int exponent = code >> 3 & 15, mantissa = code & 7;
    const double magnitude = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
    const float value = Fp8E4M3{static_cast<uint8_t>(code)};
    if ((code & 0x7F) == 0x7F) {
      EXPECT_TRUE(std::isnan(value)) << code;
      continue;
    }
    EXPECT_EQ(value, code < 128 ? magnitude : -magnitude) << code;
    EXPECT_EQ(std::signbit(value), code >= 128) << code;
    EXPECT_EQ(Fp8E4M3::encode(value), code);
  }
}

TEST(Fp8E4M3, RoundsToTheNearestAndTiesToEven) {
  for (int code = 0; code < 0x7E; ++code) {  // between each number and the next
    const float low = Fp8E4M3::decode(static_cast<uint8_t>(code)), high = Fp8E4M3::decode(static_cast<uint8_t>(code + 1));
    const float middle = (low + high) / 2;
    EXPECT_EQ(Fp8E4M3::encode(std::nextafter(middle, 0.0f)), code);
    EXPECT_EQ(Fp8E4M3::encode(middle), code + (code & 1));
    EXPECT_EQ(Fp8E4M3::encode(std::nextafter(middle, 1e9f)), code + 1);
    EXPECT_EQ(Fp8E4M3::encode(-middle), 0x80 | (code + (code & 1)));
  }
}

TEST(Fp8E4M3, SaturatesWhatIsFiniteAndSpoilsTheRest) {
  EXPECT_EQ(Fp8E4M3::encode(448), 0x7E);
  EXPECT_EQ(Fp8E4M3::encode(1e30f), 0x7E);
  EXPECT_EQ(Fp8E4M3::encode(-std::numeric_limits<float>::max()), 0xFE);
  EXPECT_EQ(Fp8E4M3::encode(std::numeric_limits<float>::infinity()), 0x7F);
  EXPECT_EQ(Fp8E4M3::encode(std::numeric_limits<float>::quiet_NaN()) & 0x7F, 0x7F);
  EXPECT_EQ(Fp8E4M3::encode(-0.0f), 0x80);
  EXPECT_EQ(Fp8E4M3::encode(std::numeric_limits<float>::denorm_min()), 0);
}

}  // namespace
}  // namespace hearth
