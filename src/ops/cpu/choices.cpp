#include "ops/cpu/choices.h"

#include <algorithm>
#include <string_view>

#include "base/cpu_info.h"

namespace hearth::ops::cpu {

namespace {

struct Row {
  std::string_view isa;
  CpuMaker maker;  // kOther: any
  ProductChoices choices;
};

// First match. AMD: measured on Zen 4, where asking ahead by software halves the rate at which one row reads, and where eight
// rows of 4-bit super-blocks are 10 to 15 % faster over codes unpacked in memory. Intel: on Sapphire
// Rapids one row reads at two thirds of its rate without it, since streams of one thread end at every page. AMX: an estimate, not
// measured: a product of tiles takes as long for one row as for sixteen.
constexpr Row kRows[] = {
    {"amx", CpuMaker::kOther, {.direct_rows = 8, .direct_float_rows = 24, .tile_rows = 12, .fetch_steps = 2}},
    {"avx512", CpuMaker::kAmd, {.direct_rows = 6, .direct_float_rows = 24, .tile_rows = 0, .fetch_steps = 0}},
    {"avx512", CpuMaker::kOther, {.direct_rows = 8, .direct_float_rows = 24, .tile_rows = 0, .fetch_steps = 2}},
    {"", CpuMaker::kAmd, {.direct_rows = 3, .direct_float_rows = 3, .tile_rows = 0, .fetch_steps = 0}},
    {"", CpuMaker::kOther, {.direct_rows = 3, .direct_float_rows = 3, .tile_rows = 0, .fetch_steps = 2}},
};

}  // namespace

ProductChoices product_choices(const KernelTable& kernels) {
  const Row* row = std::ranges::find_if(kRows, [&](const Row& r) {
    return (r.isa.empty() || r.isa == kernels.isa) && (r.maker == CpuMaker::kOther || r.maker == cpu_maker());
  });
  return row->choices;
}

}  // namespace hearth::ops::cpu
