#pragma once
// The extents of a tensor, outermost first, as Hugging Face and NumPy write them: a matrix is (rows, columns) and a row is
// contiguous. GGUF stores extents innermost first; its reader reverses them.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace hearth {

class Shape {
 public:
  static constexpr size_t kMaxRank = 4;

  Shape() = default;
  Shape(std::initializer_list<uint64_t> extents);
  explicit Shape(std::span<const uint64_t> extents);  // at most kMaxRank

  size_t rank() const { return rank_; }
  uint64_t operator[](size_t axis) const { return extents_[axis]; }
  uint64_t columns() const { return rank_ == 0 ? 1 : extents_[rank_ - 1]; }  // values in one contiguous row
  uint64_t rows() const;                                                     // all other extents multiplied
  uint64_t count() const { return rows() * columns(); }                      // readers verified that this does not overflow

  std::string text() const;  // "4096×11008"

  bool operator==(const Shape&) const = default;

 private:
  std::array<uint64_t, kMaxRank> extents_{};
  size_t rank_ = 0;
};

}  // namespace hearth
