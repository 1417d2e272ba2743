#include "text/tokenizer/models/text_index.h"

#include <gtest/gtest.h>

#include <chrono>

namespace hearth::text {
namespace {

// Texts that a multiplication by a known factor sends to one slot.
TEST(TextIndex, chosen_texts_do_not_meet) {
  constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;
  uint64_t inverse = 1;
  for (int i = 0; i < 6; ++i) inverse *= 2 - kFactor * inverse;
  TextIndex index;
  for (uint64_t i = 0; i < 100'000; ++i) {
    const uint64_t word = (i << 32 | i) * inverse ^ std::rotl(8 * kFactor, 29);
    index.add({reinterpret_cast<const char*>(&word), sizeof word});
  }
  const auto begin = std::chrono::steady_clock::now();
  index.build([](int32_t) { return true; });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));  // milliseconds; a square takes 10 s
  for (int32_t i = 0; i < 100'000; i += 777) EXPECT_EQ(index.find(index.text(i)), i);
}

}  // namespace
}  // namespace hearth::text
