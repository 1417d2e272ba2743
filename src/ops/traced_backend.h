#pragma once
// A backend that records each of its operations in a trace and does nothing else: without it, operations cost nothing more.
#include <memory>

#include "base/trace.h"
#include "ops/backend.h"

namespace hearth::ops {

// `trace` outlives the backend.
std::unique_ptr<Backend> make_traced_backend(std::unique_ptr<Backend> backend, Trace& trace);

}  // namespace hearth::ops
