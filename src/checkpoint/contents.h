#pragma once
// What a reader found in a model's files; make_checkpoint turns it into a Checkpoint.
#include <memory>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace hearth::checkpoint {

struct Contents {
  std::string container;
  Metadata metadata;
  std::vector<TensorInfo> tensors;
  std::vector<std::shared_ptr<ByteSource>> files;
  std::vector<UnreadableTensor> unreadable;
};

// Two tensors under one canonical name are kBadFile.
Result<std::shared_ptr<const Checkpoint>> make_checkpoint(Contents contents);

}  // namespace hearth::checkpoint
