#pragma once
// A Hugging Face model folder: config.json and its companions as GGUF keys, one or many safetensors files under
// canonical tensor names.
#include <memory>
#include <string>

#include "checkpoint/container.h"

namespace hearth::checkpoint {

// `folder` is the name for error sentences and general.name; all files are opened through `siblings`.
Result<std::shared_ptr<const Checkpoint>> open_huggingface(const std::string& folder, const Siblings& siblings);

}  // namespace hearth::checkpoint
