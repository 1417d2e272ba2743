#pragma once
// GGUF, versions 2 and 3: a header of typed keys, a table of tensors, then the tensors' bytes.
// Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; our reading of it in docs/formats/gguf.md.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "checkpoint/container.h"
#include "checkpoint/contents.h"

namespace hearth::checkpoint {

// The numbers GGUF gives to the kinds of metadata values.
enum class GgufType : uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64,
};

constexpr uint32_t kGgufVersion = 3;
constexpr uint64_t kGgufAlignment = 32;  // of tensor data, unless general.alignment says otherwise

// One file's header, verified: every tensor lies inside the file, none overlaps another, names and keys are unique.
// TensorInfo::file is 0, `files` is empty, and no hearth.* keys are added.
Result<Contents> read_gguf_file(const ByteSource& source);

// A model: `first`, and for split models the other parts, found by name through `siblings`.
Result<std::shared_ptr<const Checkpoint>> open_gguf(std::shared_ptr<ByteSource> first, const Siblings& siblings);

// Whether a file of this name is a part of a split model other than the first ("model-00002-of-00003.gguf").
bool is_later_gguf_part(std::string_view file_name);

}  // namespace hearth::checkpoint
