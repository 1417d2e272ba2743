#pragma once
// Where the pages of sequences that gave way wait: memory of the process, or an unnamed file that is mapped, so that what waits
// can leave RAM.
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "tensor/buffer.h"

namespace hearth::engine {

class SwapMemory {
 public:
  // `folder`: where the file lies; empty for memory. The file's space is taken at once and given back however the process
  // ends. Errors: kCannotCreate names the folder.
  static Result<SwapMemory> make(size_t bytes, const std::string& folder);

  std::byte* bytes() { return memory_.get(); }
  size_t size() const { return memory_.get_deleter().mapped; }

 private:
  std::unique_ptr<std::byte, FreeBuffer> memory_;
};

}  // namespace hearth::engine
