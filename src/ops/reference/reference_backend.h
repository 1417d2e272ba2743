#pragma once
// The oracle: every operation as its definition reads, sums in double over decoded weights, one thread, no cleverness.
#include <memory>

#include "ops/backend.h"

namespace hearth::ops::reference {

std::unique_ptr<Backend> make_backend();

}  // namespace hearth::ops::reference
