#pragma once
// hearth bench --tune: measures where kernels switch on this machine and keeps it for every start after this one.
#include "apps/console.h"
#include "service/loaded_model.h"

namespace hearth::apps {

// For the instruction set and the threads that `model` names. Errors: kConfig for an unusable instruction set, kCannotCreate
// where it cannot be kept, kCancelled.
Result<void> tune_kernels(const Console& console, const service::ModelOptions& model);

}  // namespace hearth::apps
