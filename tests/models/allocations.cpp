#include "models/allocations.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> news{0};

}  // namespace

// The other forms of new (arrays, nothrow) end here by default.
void* operator new(std::size_t bytes) {
  news.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

namespace hearth::testing {

HeapUse heap_use() {
  const struct mallinfo2 info = ::mallinfo2();
  return {.news = news.load(), .malloc_bytes = info.uordblks + info.hblkhd};
}

}  // namespace hearth::testing
