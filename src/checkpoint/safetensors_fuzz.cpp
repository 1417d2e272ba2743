// libFuzzer target: any bytes as a safetensors file, and as the weights of a Hugging Face folder whose config.json is
// the part before the first NUL.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "checkpoint/huggingface/folder.h"
#include "checkpoint/safetensors.h"

namespace {

using namespace hearth;

std::shared_ptr<ByteSource> source_of(const uint8_t* begin, const uint8_t* end) {
  return memory_source("fuzz", {reinterpret_cast<const std::byte*>(begin), reinterpret_cast<const std::byte*>(end)});
}

void read_all(const Result<std::shared_ptr<const checkpoint::Checkpoint>>& model) {
  if (!model) return;
  uint64_t sum = 0;
  for (const checkpoint::TensorInfo& tensor : (*model)->tensors())
    for (const std::byte b : *(*model)->bytes(tensor)) sum += static_cast<uint64_t>(b);
  HEARTH_CHECK(sum <= 255 * (*model)->total_bytes(), "all tensor bytes were read");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  const uint8_t* end = bytes + count;
  read_all(checkpoint::open_safetensors(source_of(bytes, end), {}));

  const uint8_t* split = std::find(bytes, end, uint8_t{0});
  const auto files = [&](const std::string& name) -> Result<std::shared_ptr<ByteSource>> {
    if (name == "config.json") return source_of(bytes, split);
    if (name == "model.safetensors" && split != end) return source_of(split + 1, end);
    return fail(ErrorCode::kNotFound, "{}", name);
  };
  read_all(checkpoint::open_huggingface("fuzz", files));
  return 0;
}
