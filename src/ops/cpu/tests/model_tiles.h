#pragma once
// A plain model of AMX's tile instructions, as Intel's manual describes them, so that the kernels over tiles can be tested anywhere.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>

#include "tensor/half.h"

namespace hearth::ops::cpu {

struct ModelTile {
  unsigned rows = 0, row_bytes = 0;
  uint8_t bytes[16][64] = {};
};

struct ModelTiles {
  // Each thread has registers of its own.
  static inline thread_local ModelTile tiles[8];
  static inline thread_local bool configured = false;

  static void configure(unsigned inner, unsigned rows = 16) {
    for (unsigned t = 0; t < 8; ++t) tiles[t] = {t >= 6 ? inner : rows, t == 4 || t == 5 ? 4 * inner : 64, {}};
    configured = true;
  }
  static void release() { configured = false; }

  template <int kTile>
  static void zero() {
    std::memset(tiles[kTile].bytes, 0, sizeof tiles[kTile].bytes);
  }
  template <int kTile>
  static void load(const void* p, size_t stride) {
    EXPECT_TRUE(configured);
    zero<kTile>();
    for (unsigned r = 0; r < tiles[kTile].rows; ++r)
      std::memcpy(tiles[kTile].bytes[r], static_cast<const uint8_t*>(p) + r * stride, tiles[kTile].row_bytes);
  }
  template <int kTile>
  static void store(void* p, size_t stride) {
    for (unsigned r = 0; r < tiles[kTile].rows; ++r)
      std::memcpy(static_cast<uint8_t*>(p) + r * stride, tiles[kTile].bytes[r], tiles[kTile].row_bytes);
  }

  template <int kSums, int kX, int kWeights>
  static void dot_signed() {
    EXPECT_EQ(tiles[kX].row_bytes, 4 * tiles[kWeights].rows);
    for (unsigned m = 0; m < tiles[kSums].rows; ++m)
      for (unsigned n = 0; n < 16; ++n) {
        int32_t sum;
        std::memcpy(&sum, tiles[kSums].bytes[m] + 4 * n, 4);
        for (unsigned k = 0; k < tiles[kWeights].rows; ++k)
          for (unsigned i = 0; i < 4; ++i)
            sum += static_cast<int8_t>(tiles[kX].bytes[m][4 * k + i]) * static_cast<int8_t>(tiles[kWeights].bytes[k][4 * n + i]);
        std::memcpy(tiles[kSums].bytes[m] + 4 * n, &sum, 4);
      }
  }
  // Even and odd inputs are summed apart and joined at the end of the instruction.
  template <int kSums, int kX, int kWeights>
  static void dot_bf16() {
    EXPECT_EQ(tiles[kX].row_bytes, 4 * tiles[kWeights].rows);
    const unsigned inner = tiles[kWeights].rows;
    float weights[2][16][16];
    for (unsigned k = 0; k < inner; ++k)
      for (unsigned n = 0; n < 16; ++n)
        for (unsigned i = 0; i < 2; ++i) weights[i][k][n] = value<Bf16>(tiles[kWeights].bytes[k] + 4 * n + 2 * i);
    for (unsigned m = 0; m < tiles[kSums].rows; ++m) {
      float sums[2][16] = {}, whole[16];
      for (unsigned k = 0; k < inner; ++k)
        for (unsigned i = 0; i < 2; ++i) {
          const float x = value<Bf16>(tiles[kX].bytes[m] + 4 * k + 2 * i);
          for (unsigned n = 0; n < 16; ++n) sums[i][n] += x * weights[i][k][n];
        }
      std::memcpy(whole, tiles[kSums].bytes[m], sizeof whole);
      for (unsigned n = 0; n < 16; ++n) whole[n] += sums[0][n] + sums[1][n];
      std::memcpy(tiles[kSums].bytes[m], whole, sizeof whole);
    }
  }

 private:
  template <class T>
  static float value(const uint8_t* p) {
    T v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
};

}  // namespace hearth::ops::cpu
