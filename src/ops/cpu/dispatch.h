#pragma once
// Which kernel table runs: best first, as far as this machine goes.
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ops/cpu/kernel_table.h"

namespace hearth::ops::cpu {

std::span<const KernelTable* const> all_tables();   // best first
std::vector<const KernelTable*> usable_tables();    // those this machine can run

// The named table; "" reads HEARTH_ISA, and without it takes the best. Errors: kConfig for an unknown or unusable name.
Result<const KernelTable*> choose_table(std::string_view isa);

}  // namespace hearth::ops::cpu
