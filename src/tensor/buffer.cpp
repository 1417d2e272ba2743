#include "tensor/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/check.h"

namespace hearth {

namespace {
constexpr size_t kHuge = size_t{2} << 20;
}

void FreeBuffer::operator()(std::byte* p) const {
  if (mapped != 0) ::munmap(p, mapped);
  else std::free(p);
}

Buffer::Buffer(size_t bytes, Fill fill) : size_(bytes) {
  if (bytes == 0) return;
  if (bytes >= 4 * kHuge) {  // from the system: zero pages arrive on first touch, by the thread that touches them
    const size_t length = (bytes + kHuge - 1) / kHuge * kHuge;
    void* p = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    HEARTH_CHECK(p != MAP_FAILED, "out of memory");
    ::madvise(p, length, MADV_HUGEPAGE);  // advice: refused on some kernels, with no other effect
    memory_ = {static_cast<std::byte*>(p), FreeBuffer{length}};
    return;
  }
  const size_t length = (bytes + 63) / 64 * 64;
  auto* p = static_cast<std::byte*>(std::aligned_alloc(64, length));
  HEARTH_CHECK(p != nullptr, "out of memory");
  if (fill == Fill::kZero) std::memset(p, 0, length);
  memory_ = {p, FreeBuffer{0}};
}

}  // namespace hearth
