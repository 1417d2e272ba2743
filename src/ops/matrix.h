#pragma once
// Views of f32 activations: rows of a step, each a contiguous run of columns. The memory belongs to whoever made the view
// and, for a device backend, lies on that device.
#include <cstddef>
#include <cstdint>

namespace hearth::ops {

// Floats from one row to the next for matrices of a step: whole lines of 64 bytes, an odd number of them. Sixteen columns of many rows
// are written together, and rows a power of two apart would compete for the same few sets of a cache.
inline size_t row_stride(uint32_t columns) {
  constexpr size_t kLine = 16;
  return ((columns + kLine - 1) / kLine | 1) * kLine;
}

struct Matrix {
  float* values = nullptr;
  uint32_t rows = 0, columns = 0;
  size_t stride = 0;  // floats from one row to the next, >= columns

  float* row(size_t i) const { return values + i * stride; }
  Matrix slice(uint32_t first_column, uint32_t count) const { return {values + first_column, rows, count, stride}; }
};

struct ConstMatrix {
  const float* values = nullptr;
  uint32_t rows = 0, columns = 0;
  size_t stride = 0;

  ConstMatrix() = default;
  ConstMatrix(const float* first, uint32_t row_count, uint32_t column_count, size_t row_stride)
      : values(first), rows(row_count), columns(column_count), stride(row_stride) {}
  ConstMatrix(const Matrix& m) : values(m.values), rows(m.rows), columns(m.columns), stride(m.stride) {}

  const float* row(size_t i) const { return values + i * stride; }
  ConstMatrix slice(uint32_t first_column, uint32_t count) const { return {values + first_column, rows, count, stride}; }
};

}  // namespace hearth::ops
