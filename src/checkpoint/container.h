#pragma once
// The kinds of model files. One reader per kind, listed in containers.def; open() asks each whether a file's first
// bytes are its own.
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "checkpoint/checkpoint.h"

namespace hearth::checkpoint {

// Opens a file that lies beside the one being read, by its plain name. kNotFound where there is none. Local files are
// mapped; a remote model's headers can be read through the same function.
using Siblings = std::function<Result<std::shared_ptr<ByteSource>>(const std::string& name)>;

struct Container {
  std::string_view name;                            // "gguf"
  std::string_view summary;                         // one line for help and docs
  bool (*claims)(std::span<const std::byte> head);  // the first bytes of a file, 64 or all there are
  Result<std::shared_ptr<const Checkpoint>> (*open)(std::shared_ptr<ByteSource> first, const Siblings& siblings);
};

std::span<const Container* const> containers();  // in the order of containers.def

// Opens whatever the bytes say it is. The sentence of the error names what was found instead ("a Git LFS pointer").
Result<std::shared_ptr<const Checkpoint>> open_source(std::shared_ptr<ByteSource> first, const Siblings& siblings);

// Siblings in a folder of this machine.
Siblings folder_siblings(std::string folder);

}  // namespace hearth::checkpoint
