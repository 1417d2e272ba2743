#include "tensor/half.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tensor/buffer.h"
#include "tensor/shape.h"

namespace hearth {

// Every half survives the round trip, and _Float16 (hardware or libgcc) agrees with our arithmetic in both directions.
TEST(Fp16, AgreesWithTheCompiler) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float ours = Fp16{half};
    const auto theirs = static_cast<float>(std::bit_cast<_Float16>(half));
    if (std::isnan(theirs)) {
      EXPECT_TRUE(std::isnan(ours) && std::isnan(Fp16::decode(Fp16::encode(ours))));
      continue;
    }
    ASSERT_EQ(std::bit_cast<uint32_t>(ours), std::bit_cast<uint32_t>(theirs)) << bits;
    ASSERT_EQ(Fp16::encode(ours), half);
  }
  for (uint64_t x = 0; x < 0x100000000; x += 4099) {
    const auto f = std::bit_cast<float>(static_cast<uint32_t>(x));
    if (!std::isnan(f)) ASSERT_EQ(Fp16::encode(f), std::bit_cast<uint16_t>(static_cast<_Float16>(f))) << x;
  }
}

TEST(Bf16, RoundsToNearestEven) {
  EXPECT_EQ(Bf16::encode(1.0f), 0x3F80);
  EXPECT_EQ(Bf16::encode(std::bit_cast<float>(0x3F808000)), 0x3F80);
  EXPECT_EQ(Bf16::encode(std::bit_cast<float>(0x3F818000)), 0x3F82);
  EXPECT_TRUE(std::isnan(Bf16::decode(Bf16::encode(NAN))));
  for (uint32_t bits = 0; bits < 0x10000; ++bits)
    if (const float f = Bf16::decode(static_cast<uint16_t>(bits)); !std::isnan(f)) ASSERT_EQ(Bf16::encode(f), bits);
}

TEST(Buffer, IsAlignedAndZero) {
  for (const size_t bytes : {1u, 64u, 1000u, 20u << 20}) {
    const Buffer buffer(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.bytes()) % 64, 0u);
    EXPECT_EQ(buffer.as<uint8_t>()[bytes - 1], 0);
  }
}

TEST(Shape, CountsRowsAndColumns) {
  const Shape shape{3, 4, 5};
  EXPECT_EQ(shape.rows(), 12u);
  EXPECT_EQ(shape.columns(), 5u);
  EXPECT_EQ(shape.text(), "3×4×5");
  EXPECT_EQ(Shape{}.count(), 1u);
}

}  // namespace hearth
