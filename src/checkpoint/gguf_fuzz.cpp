// libFuzzer target: any bytes as a GGUF file. A file that opens must have all its tensors inside.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "checkpoint/gguf/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  using namespace hearth;
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  const auto none = [](const std::string& name) -> Result<std::shared_ptr<ByteSource>> {
    return fail(ErrorCode::kNotFound, "{}", name);
  };
  const auto model = checkpoint::open_gguf(memory_source("fuzz", {begin, begin + count}), none);
  if (!model) return 0;
  uint64_t sum = 0;
  for (const checkpoint::TensorInfo& tensor : (*model)->tensors()) {
    HEARTH_CHECK((*model)->find(tensor.name) == &tensor, "every tensor is found by its name");
    for (const std::byte b : *(*model)->bytes(tensor)) sum += static_cast<uint64_t>(b);
  }
  HEARTH_CHECK(sum <= 255 * (*model)->total_bytes(), "all tensor bytes were read");
  return 0;
}
