#pragma once
// Eight tiles of AMX as kernels/tile_product.inl.h uses them. Tests put a plain model in their place (tests/model_tiles.h).
// In assembly: the compilers' functions take tile numbers as tokens, and g++ 12's _tile_loadconfig believes that it reads 8 bytes
// of the configuration and drops the stores to the others.
#include <cstddef>
#include <cstdint>

#include "tensor/half.h"

namespace hearth::ops::cpu::amx {

struct Tiles {
  // Tiles 0..3: `rows` rows by 16 sums. 4 and 5: `rows` rows of `inner` 32-bit groups of inputs. 6 and 7: `inner` rows of 16 of them.
  static HEARTH_ALWAYS_INLINE void configure(unsigned inner, unsigned rows = 16) {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {};
      uint8_t rows[16] = {};
    } config;
    for (int t = 0; t < 8; ++t) {
      config.row_bytes[t] = static_cast<uint16_t>(t == 4 || t == 5 ? 4 * inner : 64);
      config.rows[t] = static_cast<uint8_t>(t >= 6 ? inner : rows);
    }
    asm volatile("ldtilecfg %0" ::"m"(config));
  }
  static HEARTH_ALWAYS_INLINE void release() { asm volatile("tilerelease"); }

  template <int kTile>
  static HEARTH_ALWAYS_INLINE void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  template <int kTile>
  static HEARTH_ALWAYS_INLINE void load(const void* p, size_t stride) {
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(p), "r"(stride) : "memory");
  }
  template <int kTile>
  static HEARTH_ALWAYS_INLINE void store(void* p, size_t stride) {
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(kTile), "r"(p), "r"(stride) : "memory");
  }
  template <int kSums, int kX, int kWeights>  // sums += x * weights, signed bytes, four a group
  static HEARTH_ALWAYS_INLINE void dot_signed() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kX), "i"(kWeights));
  }
  template <int kSums, int kX, int kWeights>  // bf16, two a group, into f32
  static HEARTH_ALWAYS_INLINE void dot_bf16() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kX), "i"(kWeights));
  }
};

}  // namespace hearth::ops::cpu::amx
