#pragma once
// Asking for weights ahead.
#include <cstddef>

#include "ops/cpu/kernels/attributes.h"

namespace hearth::ops::cpu {

// Asks for memory to be in the second-level cache soon. Past the end of the weights it asks in vain, harmlessly.
template <size_t kBytes>
HEARTH_ALWAYS_INLINE void fetch(const void* ahead) {
  HEARTH_UNROLL
  for (size_t line = 0; line < kBytes; line += 64) __builtin_prefetch(static_cast<const char*>(ahead) + line, 0, 2);
}

}  // namespace hearth::ops::cpu
