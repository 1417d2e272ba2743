// The codebooks of the IQ formats, expanded at compile time from the generated numbers (tools/golden/iq_grids.py).
#include "quant/grid/grid.h"

namespace hearth::quant {

namespace {

#include "quant/grid/iq1_points.inc"
#include "quant/grid/iq2_points.inc"
#include "quant/grid/iq3_points.inc"

constexpr int8_t kIq1Levels[] = {-8, 0, 8};
constexpr int8_t kIq2Levels[] = {8, 25, 43};
constexpr int8_t kIq3XxsLevels[] = {4, 12, 20, 28, 36, 44, 52, 62};
constexpr int8_t kIq3SLevels[] = {1, 3, 5, 7, 9, 11, 13, 15};

}  // namespace

constinit const Grid<2048, 8> kIq1Grid = expand_grid<8>(kIq1Points, kIq1Levels);
constinit const Grid<256, 8> kIq2XxsGrid = expand_grid<8>(kIq2XxsPoints, kIq2Levels);
constinit const Grid<512, 8> kIq2XsGrid = expand_grid<8>(kIq2XsPoints, kIq2Levels);
constinit const Grid<1024, 8> kIq2SGrid = expand_grid<8>(kIq2SPoints, kIq2Levels);
constinit const Grid<256, 4> kIq3XxsGrid = expand_grid<4>(kIq3XxsPoints, kIq3XxsLevels);
constinit const Grid<512, 4> kIq3SGrid = expand_grid<4>(kIq3SPoints, kIq3SLevels);

}  // namespace hearth::quant
