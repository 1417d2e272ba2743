#pragma once
// A model's files, opened: metadata under GGUF keys and named tensors, the same from GGUF and from Hugging Face folders.
// Nothing is copied: tensor bytes are spans of the mapped files and live as long as the Checkpoint.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/metadata.h"
#include "base/result.h"
#include "quant/format.h"
#include "tensor/shape.h"

namespace hearth::checkpoint {

struct TensorInfo {
  std::string name;         // canonical: GGUF's names ("blk.7.ffn_up.weight"), whatever the container
  std::string file_name;    // as the container spells it ("model.layers.7.mlp.up_proj.weight")
  quant::FormatId format{};
  Shape shape;              // outermost first: (rows, columns)
  uint32_t file = 0;        // index into files()
  uint64_t offset = 0;      // of the first byte in that file
  uint64_t bytes = 0;       // verified to lie inside the file and to match format and shape
};

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;
  virtual std::string_view container() const = 0;  // "gguf", "safetensors"
  virtual const Metadata& metadata() const = 0;
  virtual std::span<const TensorInfo> tensors() const = 0;
  virtual std::span<const std::shared_ptr<ByteSource>> files() const = 0;

  const TensorInfo* find(std::string_view canonical_name) const;  // hashed; null if absent

  // The stored bytes. Fails with kUnsupported where the source is not addressable (remote headers).
  Result<std::span<const std::byte>> bytes(const TensorInfo& tensor) const;

  uint64_t total_bytes() const;  // of all tensors

 protected:
  void index_names();  // implementations call this once, when tensors() is complete

 private:
  std::vector<std::pair<size_t, uint32_t>> name_index_;  // (hash, tensor), sorted
};

// Opens a GGUF file (a split model by its first part: the others are found beside it), a .safetensors file, or a Hugging
// Face folder. `path` decides by content, not by ending. Errors name the file, the field and its offset.
Result<std::shared_ptr<const Checkpoint>> open(const std::string& path);

}  // namespace hearth::checkpoint
