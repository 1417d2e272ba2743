#pragma once
// The rotation angles of a step's rows, computed once per distinct rope, not per layer.
#include <span>

#include "model/arch.h"
#include "ops/matrix.h"

namespace hearth::model {

// angles: (positions.size(), rope.dims()), cosines in the first half of each row, sines in the second.
void fill_angles(const Rope& rope, std::span<const int32_t> positions, ops::Matrix angles);

}  // namespace hearth::model
