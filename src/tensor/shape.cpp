#include "tensor/shape.h"

#include <algorithm>

#include "base/check.h"

namespace hearth {

Shape::Shape(std::initializer_list<uint64_t> extents) : Shape(std::span(extents.begin(), extents.size())) {}

Shape::Shape(std::span<const uint64_t> extents) : rank_(extents.size()) {
  HEARTH_CHECK(extents.size() <= kMaxRank, "a tensor has at most four dimensions");
  std::copy(extents.begin(), extents.end(), extents_.begin());
}

uint64_t Shape::rows() const {
  uint64_t rows = 1;
  for (size_t i = 0; i + 1 < rank_; ++i) rows *= extents_[i];
  return rows;
}

std::string Shape::text() const {
  std::string out;
  for (size_t i = 0; i < rank_; ++i) out += (i == 0 ? "" : "×") + std::to_string(extents_[i]);
  return out.empty() ? "scalar" : out;
}

}  // namespace hearth
