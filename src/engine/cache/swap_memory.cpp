#include "engine/cache/swap_memory.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "base/descriptor.h"

namespace hearth::engine {

Result<SwapMemory> SwapMemory::make(size_t bytes, const std::string& folder) {
  SwapMemory memory;
  if (bytes == 0) return memory;
  std::string name = folder + "/hearth-swap-XXXXXX";
  const Descriptor file(folder.empty() ? -1 : ::mkostemp(name.data(), O_CLOEXEC));
  if (!folder.empty()) {
    if (file.get() < 0) return fail(ErrorCode::kCannotCreate, "{}: no file can be made there: {}", folder, std::strerror(errno));
    ::unlink(name.c_str());
    const int error = ::posix_fallocate(file.get(), 0, static_cast<off_t>(bytes));  // a disk that fills up later would be a signal
    if (error != 0)
      return fail(ErrorCode::kCannotCreate, "{}: no file of {:.1f} MiB can be made there: {}", folder, static_cast<double>(bytes) / (1 << 20), std::strerror(error));
  }
  void* p = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, folder.empty() ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED, file.get(), 0);
  if (p == MAP_FAILED)
    return fail(ErrorCode::kCannotCreate, "{:.1f} MiB of swap memory cannot be mapped: {}", static_cast<double>(bytes) / (1 << 20), std::strerror(errno));
  memory.memory_ = {static_cast<std::byte*>(p), FreeBuffer{bytes}};
  return memory;
}

}  // namespace hearth::engine
