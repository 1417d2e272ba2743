// What matrix tiles do at best: multiplication in 8-bit integers and bf16, four tiles of sums, operands loaded from the
// first-level cache as a product would.
#include <immintrin.h>

#include "base/cpu_info.h"
#include "ops/cpu/machine_rate.h"

namespace hearth::ops::cpu {

namespace amx {

// Eight tiles of 16 rows of 64 bytes: 0-3 hold sums, 4-5 and 6-7 the operands.
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);

struct alignas(64) Operands {
  uint16_t tiles[4][16 * 32];
};

static void begin(const TileConfig& config, Operands& memory) {
  for (auto& tile : memory.tiles)
    for (uint16_t& pair : tile) pair = 0x3580;  // about 1e-6 in bf16
  asm volatile("" ::"m"(config) : "memory");  // g++ 12 says the instruction reads 8 of the 64 bytes, and drops stores of the rest
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

static float end(Operands& memory) {
  _tile_stored(0, memory.tiles[0], 64);
  _tile_release();
  asm volatile("" : "+m"(memory));
  return memory.tiles[0][0];
}

#define HEARTH_LOAD_OPERANDS(memory)     \
  _tile_loadd(4, memory.tiles[0], 64);   \
  _tile_loadd(5, memory.tiles[1], 64);   \
  _tile_loadd(6, memory.tiles[2], 64);   \
  _tile_loadd(7, memory.tiles[3], 64)

static float multiply_int8(uint32_t rounds) {
  const TileConfig config;
  Operands memory;
  begin(config, memory);
  for (uint32_t round = 0; round < rounds; ++round) {
    HEARTH_LOAD_OPERANDS(memory);
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  return end(memory);
}

static float multiply_bf16(uint32_t rounds) {
  const TileConfig config;
  Operands memory;
  begin(config, memory);
  for (uint32_t round = 0; round < rounds; ++round) {
    HEARTH_LOAD_OPERANDS(memory);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  return end(memory);
}

}  // namespace amx

extern const MatrixUnit kAmxUnits[2];
constinit const MatrixUnit kAmxUnits[2] = {
    {.name = "int8 amx", .needs = kCpuAmxInt8, .operations = 4 * 2 * 16 * 16 * 64, .run = &amx::multiply_int8},
    {.name = "bf16 amx", .needs = kCpuAmxBf16, .operations = 4 * 2 * 16 * 16 * 32, .run = &amx::multiply_bf16}};

}  // namespace hearth::ops::cpu
