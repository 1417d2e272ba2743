#pragma once
// Choices measured on a machine, kept for the next start: one JSON file per processor and version of the kernels in a folder
// that machines may share, with a row per layout and instruction set. A layout is named by the first format packed into it.
#include <optional>
#include <string>

#include "base/result.h"
#include "ops/cpu/choices.h"

namespace hearth::ops::cpu {

// Raise it with every change of products that moves where they should switch: older measurements then say nothing.
constexpr int kKernelVersion = 6;

std::string tuning_file(const std::string& folder);  // of this processor and these kernels

// Replaces the rows of one instruction set and keeps others; readers see the old file or the new. The folder is made if it is
// missing. Errors: kCannotCreate.
Result<void> save_tuning(const std::string& folder, const KernelTable& kernels, const ProductChoices& choices);

// What was saved, said at log level info. Nothing where nothing was saved for this instruction set, or where `folder` is "". A
// file that is damaged or speaks of another machine costs a warning and is not used.
std::optional<ProductChoices> load_tuning(const std::string& folder, const KernelTable& kernels);

}  // namespace hearth::ops::cpu
