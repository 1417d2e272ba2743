#pragma once
// Counts what this process asks of the heap: the test binary replaces operator new.
#include <cstddef>

namespace hearth::testing {

// Since the process began, of all threads: calls of operator new, and bytes in use by malloc.
struct HeapUse {
  size_t news = 0, malloc_bytes = 0;
  bool operator==(const HeapUse&) const = default;
};
HeapUse heap_use();

}  // namespace hearth::testing
