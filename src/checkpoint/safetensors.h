#pragma once
// safetensors: a length, a JSON table of named tensors, then their bytes without holes.
// Layout: https://github.com/huggingface/safetensors#format
#include <memory>
#include <string>
#include <string_view>

#include "checkpoint/container.h"
#include "checkpoint/contents.h"

namespace hearth::checkpoint {

constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

// One file's header, verified: extents match types and shapes exactly, cover the data without holes and without
// overlap. Names are the file's own (name == file_name), TensorInfo::file is 0, `files` is empty. Tensors that no
// weight format or Shape can describe are in `unreadable`. String entries of __metadata__ become keys
// "safetensors.<name>".
Result<Contents> read_safetensors_file(const ByteSource& source);

// A lone file, under its own tensor names.
Result<std::shared_ptr<const Checkpoint>> open_safetensors(std::shared_ptr<ByteSource> file, const Siblings& siblings);

}  // namespace hearth::checkpoint
