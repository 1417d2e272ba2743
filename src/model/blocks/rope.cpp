#include "model/blocks/rope.h"

#include <cmath>

namespace hearth::model {

// The angle is a product of two floats, rounded: models were trained with exactly that, and far into a long context the
// rounding of position * frequency is larger than any other difference.
void fill_angles(const Rope& rope, std::span<const int32_t> positions, ops::Matrix angles) {
  const size_t pairs = rope.inverse_frequencies.size();
  for (size_t r = 0; r < positions.size(); ++r) {
    float* row = angles.row(r);
    const auto position = static_cast<float>(positions[r]);
    for (size_t i = 0; i < pairs; ++i) {
      const float angle = position * rope.inverse_frequencies[i];
      row[i] = rope.magnitude * std::cos(angle);
      row[pairs + i] = rope.magnitude * std::sin(angle);
    }
  }
}

}  // namespace hearth::model
