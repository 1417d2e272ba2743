#pragma once
// Owned, 64-byte aligned memory for numbers. Large buffers ask for huge pages.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace hearth {

struct FreeBuffer {
  size_t mapped = 0;  // bytes from mmap, or 0 when from aligned_alloc
  void operator()(std::byte* p) const;
};

class Buffer {
 public:
  Buffer() = default;
  enum class Fill : uint8_t { kZero, kNone };  // kNone: for bytes that are all written before they are read

  // Aborts only if the operating system has no memory left for a checked budget.
  explicit Buffer(size_t bytes, Fill fill = Fill::kZero);

  std::byte* bytes() { return memory_.get(); }
  const std::byte* bytes() const { return memory_.get(); }
  size_t size() const { return size_; }

  template <class T>
  T* as() {
    return reinterpret_cast<T*>(memory_.get());
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(memory_.get());
  }

 private:
  std::unique_ptr<std::byte, FreeBuffer> memory_;
  size_t size_ = 0;
};

}  // namespace hearth
