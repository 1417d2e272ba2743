#include "ops/cpu/choices.h"

#include <algorithm>
#include <string_view>

#include "base/cpu_info.h"

namespace hearth::ops::cpu {

namespace {

struct Row {
  std::string_view isa;
  CpuMaker maker;                           // kOther: any
  bool needs_avx512 = false;                // of the processor, whatever the table uses
  uint32_t direct_rows, direct_float_rows;  // of integer layouts, of floats
  uint32_t fetch_rows, fetch_float_rows, fetch_steps;
  uint32_t tile_rows, tile_super_rows;      // as in LayoutChoices: of flat blocks, of super-blocks
  bool two_panels = false;                  // of layouts of eight bits a weight and more
};

constexpr uint32_t kNever = UINT32_MAX;

// First match; a name stands for its variants too (avx512_bf16).
// AMD with AVX-512: measured on Zen 4, one thread, matrices of 64 MB. One and two rows of most formats read up to a third slower if
// weights are asked for ahead, three rows change little, and from four or five on all formats are faster, at 8 to 32 rows by 15 to
// 65 %; one step ahead is a little late, three and four are like two. AVX-512 was as fast or faster without unpacking in memory at
// every number of rows. AVX2: so up to 12 rows (Q6_K), 32 (Q4_K) and 48 (Q4_0). Floats, a line asked for with each that is read: two rows
// up to a quarter slower, four F16 ones half as fast again and others the same, eight and sixteen 1.6 to 1.9 times as fast; F16 of 64 and
// 512 rows 6 to 15 % faster without unpacking. AVX2 without it: F16 and BF16 2.5 times as fast with four rows, twice with eight, 1.5 times
// with sixteen. Two panels by turns: no faster (two threads).
// AMD without: on Zen 3, generating with a 0.6B model, two threads, asking from one row on made it 12 to 25 % faster (Q4_K_M, Q4_0,
// Q5_K_M, Q6_K, MXFP4, IQ4_XS; Q8_0 about the same) one step ahead, and 8 to 19 % two ahead; eight and sixteen rows cared little. Two panels
// by turns: Q8_0 and BF16 13 to 18 % faster, F16 -4 and 15 %, but Q4_K_M 13 to 19 % slower, Q4_0 and Q6_K 3 to 12 %. Floats of four to sixteen
// rows as by AVX2 on Zen 4, not measured here.
// Intel: on Sapphire Rapids one row reads at two thirds of its rate without asking, since streams of one thread end at every page;
// measured when a step was asked for at once, and rows were not. AMX: on Emerald Rapids, in one run of a disturbed host, GOP/s: sixteen rows by
// tiles 313 (Q8_0) and 397 (Q4_0), eight by vectors 249 and 367; of super-blocks, which are split into digits before, 272 (IQ4_XS), 260
// (Q4_K) and 245 (Q6_K) beside 344, 367 and 270, and 64 rows by tiles 470, 462 and 465. Row counts between were not measured.
constexpr Row kRows[] = {
    {.isa = "amx", .maker = CpuMaker::kOther, .direct_rows = 8, .direct_float_rows = 24,
     .fetch_rows = 1, .fetch_float_rows = 1, .fetch_steps = 2, .tile_rows = 12, .tile_super_rows = 32},
    {.isa = "avx512", .maker = CpuMaker::kAmd, .direct_rows = kNever, .direct_float_rows = kNever,
     .fetch_rows = 4, .fetch_float_rows = 4, .fetch_steps = 2, .tile_rows = 0, .tile_super_rows = 0},
    {.isa = "avx512", .maker = CpuMaker::kOther, .direct_rows = 8, .direct_float_rows = 24,
     .fetch_rows = 1, .fetch_float_rows = 1, .fetch_steps = 2, .tile_rows = 0, .tile_super_rows = 0},
    {.isa = "", .maker = CpuMaker::kAmd, .needs_avx512 = true, .direct_rows = 12, .direct_float_rows = kNever,
     .fetch_rows = 4, .fetch_float_rows = 4, .fetch_steps = 2, .tile_rows = 0, .tile_super_rows = 0},
    {.isa = "", .maker = CpuMaker::kAmd, .direct_rows = 12, .direct_float_rows = 16,
     .fetch_rows = 1, .fetch_float_rows = 4, .fetch_steps = 1, .tile_rows = 0, .tile_super_rows = 0, .two_panels = true},
    {.isa = "", .maker = CpuMaker::kOther, .direct_rows = 3, .direct_float_rows = 3,
     .fetch_rows = 1, .fetch_float_rows = 1, .fetch_steps = 2, .tile_rows = 0, .tile_super_rows = 0},
};

template <class L>
consteval bool is_super() {
  if constexpr (requires { L::kTwoLevels; }) return L::kTwoLevels;
  else return false;
}

template <class L>
constexpr size_t kBitsOf = 8 * sizeof(L) / (16 * L::kInputs);

}  // namespace

ProductChoices product_choices(const KernelTable& kernels) {
  const Row* row = std::ranges::find_if(kRows, [&](const Row& r) {
    return std::string_view(kernels.isa).starts_with(r.isa) && (r.maker == CpuMaker::kOther || r.maker == cpu_maker()) &&
           (!r.needs_avx512 || (cpu_features() & kCpuAvx512) != 0);
  });
  ProductChoices choices;
  const auto fill = [&]<class... L>(LayoutList<L...>) {
    choices = {LayoutChoices{.direct_rows = requires { L::kBits; } ? row->direct_rows : row->direct_float_rows,
                             .tile_rows = is_super<L>() ? row->tile_super_rows : row->tile_rows,
                             .fetch_rows = requires { L::kBits; } ? row->fetch_rows : row->fetch_float_rows,
                             .fetch_steps = row->fetch_steps,
                             .two_panels = row->two_panels && kBitsOf<L> >= 8}...};
  };
  fill(Layouts{});
  return choices;
}

}  // namespace hearth::ops::cpu
