#include "model/read_ahead.h"

#include <algorithm>
#include <tuple>

namespace hearth::model {

ReadAhead::ReadAhead(const checkpoint::Checkpoint& files, std::vector<const checkpoint::TensorInfo*> tensors) : files_(files) {
  std::ranges::sort(tensors, {}, [](const checkpoint::TensorInfo* t) { return std::tuple(t->file, t->offset); });
  thread_ = std::thread([this, wanted = std::move(tensors)] {
    for (const checkpoint::TensorInfo* tensor : wanted) fetch(*tensor);
  });
}

ReadAhead::~ReadAhead() {
  stopping_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void ReadAhead::fetch(const checkpoint::TensorInfo& tensor) const {
  constexpr uint64_t kStep = uint64_t{4} << 20;
  const ByteSource& file = *files_.files()[tensor.file];
  for (uint64_t done = 0; done < tensor.bytes && !stopping_.load(std::memory_order_relaxed); done += kStep)
    file.fetch(tensor.offset + done, std::min(kStep, tensor.bytes - done));
}

}  // namespace hearth::model
