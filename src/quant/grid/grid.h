#pragma once
// A codebook: kPoints vectors of kDimension small integers. Tables in the files *_points.inc hold each vector as one
// number, whose i-th digit from below in base kLevels.size() picks the i-th coordinate among kLevels.
#include <array>
#include <cstddef>
#include <cstdint>

namespace hearth::quant {

template <size_t kPoints, size_t kDimension>
using Grid = std::array<std::array<int8_t, kDimension>, kPoints>;

template <size_t kDimension, size_t kPoints, size_t kLevels>
constexpr Grid<kPoints, kDimension> expand_grid(const uint16_t (&numbers)[kPoints], const int8_t (&levels)[kLevels]) {
  Grid<kPoints, kDimension> grid{};
  for (size_t p = 0; p < kPoints; ++p) {
    size_t number = numbers[p];
    for (size_t i = 0; i < kDimension; ++i, number /= kLevels) grid[p][i] = levels[number % kLevels];
  }
  return grid;
}

// Defined in grids.cpp. IQ1's coordinates -1, 0, 1 are stored times 8, so that its offsets of 1/8 keep them integers.
extern const Grid<2048, 8> kIq1Grid;
extern const Grid<256, 8> kIq2XxsGrid;
extern const Grid<512, 8> kIq2XsGrid;
extern const Grid<1024, 8> kIq2SGrid;
extern const Grid<256, 4> kIq3XxsGrid;
extern const Grid<512, 4> kIq3SGrid;

}  // namespace hearth::quant
