#include "ops/cpu/choices.h"

#include <algorithm>
#include <string_view>

#include "base/cpu_info.h"

namespace hearth::ops::cpu {

namespace {

struct Row {
  std::string_view isa;
  CpuMaker maker;  // kOther: any
  uint32_t direct_rows, direct_float_rows;  // of integer layouts, of floats
  uint32_t tile_rows, fetch_steps;          // as in LayoutChoices
};

// First match. AMD: measured on Zen 4, where asking ahead by software halves the rate at which one row reads, and where eight
// rows of Q4_K were faster over codes unpacked in memory (by 4 to 30 % in two pairs on a busy machine; seven rows and other
// formats were not measured). Intel: on Sapphire Rapids one row reads at two thirds of its rate without it, since streams of one thread end at every page. AMX: an estimate, not
// measured: a product of tiles takes as long for one row as for sixteen.
constexpr Row kRows[] = {
    {.isa = "amx", .maker = CpuMaker::kOther, .direct_rows = 8, .direct_float_rows = 24, .tile_rows = 12, .fetch_steps = 2},
    {.isa = "avx512", .maker = CpuMaker::kAmd, .direct_rows = 6, .direct_float_rows = 24, .tile_rows = 0, .fetch_steps = 0},
    {.isa = "avx512", .maker = CpuMaker::kOther, .direct_rows = 8, .direct_float_rows = 24, .tile_rows = 0, .fetch_steps = 2},
    {.isa = "", .maker = CpuMaker::kAmd, .direct_rows = 3, .direct_float_rows = 3, .tile_rows = 0, .fetch_steps = 0},
    {.isa = "", .maker = CpuMaker::kOther, .direct_rows = 3, .direct_float_rows = 3, .tile_rows = 0, .fetch_steps = 2},
};

}  // namespace

ProductChoices product_choices(const KernelTable& kernels) {
  const Row* row = std::ranges::find_if(kRows, [&](const Row& r) {
    return (r.isa.empty() || r.isa == kernels.isa) && (r.maker == CpuMaker::kOther || r.maker == cpu_maker());
  });
  ProductChoices choices;
  const auto fill = [&]<class... L>(LayoutList<L...>) {
    choices = {LayoutChoices{requires { L::kBits; } ? row->direct_rows : row->direct_float_rows, row->tile_rows, row->fetch_steps}...};
  };
  fill(Layouts{});
  return choices;
}

}  // namespace hearth::ops::cpu
