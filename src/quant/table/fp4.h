#pragma once
// The sixteen 4-bit floats e2m1 (sign, two bits of exponent, one of mantissa; OCP Microscaling Formats 1.0), doubled so
// that they are integers: formats halve their scales in turn. Nibble 8, minus zero, is the integer 0.
#include "quant/fit.h"
#include "quant/table/nibbles.h"

namespace hearth::quant {

inline constexpr Values16 kFp4Twice = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
inline constexpr Table kFp4Table{kFp4Twice};

}  // namespace hearth::quant
