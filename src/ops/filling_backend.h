#pragma once
// A backend that can leave everything out but the cache: while `fill` is true, operations do nothing, and what is appended to
// the cache is random numbers of ordinary size. A context of any depth is then there within the time of writing it, for a
// measurement of what comes after: how long attention over keys and values takes does not depend on what they are.
#include <memory>

#include "ops/backend.h"

namespace hearth::ops {

// `fill` outlives the backend and changes between steps only. Until it has been true once, the backend costs a branch per operation.
std::unique_ptr<Backend> make_filling_backend(std::unique_ptr<Backend> backend, const bool& fill);

}  // namespace hearth::ops
