#pragma once
// A model's files, opened: metadata under GGUF keys and named tensors, the same from GGUF and from Hugging Face
// folders. Nothing is copied: tensor bytes are spans of the mapped files and live as long as the Checkpoint.
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
  std::string name;       // canonical: GGUF's names ("blk.7.ffn_up.weight"), whatever the container
  std::string file_name;  // as the container spells it ("model.layers.7.mlp.up_proj.weight")
  quant::FormatId format{};
  Shape shape;          // outermost first: (rows, columns)
  uint32_t file = 0;    // index into files()
  uint64_t offset = 0;  // of the first byte in that file
  uint64_t bytes = 0;   // verified to lie inside the file and to match format and shape
};

// A tensor the file holds but no weight format describes: not reachable through find(), listed so that nothing is
// silent.
struct UnreadableTensor {
  std::string name;    // as the container spells it
  std::string reason;  // "dtype F8_E4M3 has no weight format", "it has 5 dimensions"
};

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;
  virtual std::string_view container() const = 0;  // "gguf", "safetensors"
  virtual const Metadata& metadata() const = 0;
  virtual std::span<const TensorInfo> tensors() const = 0;
  virtual std::span<const std::shared_ptr<ByteSource>> files() const = 0;
  virtual std::span<const UnreadableTensor> unreadable() const { return {}; }

  const TensorInfo* find(std::string_view canonical_name) const;  // hashed; null if absent

  // The same, with the sentence for the user where it is missing (kNotFound) or unreadable (kUnsupported).
  Result<const TensorInfo*> require(std::string_view canonical_name) const;

  // The stored bytes. Fails with kUnsupported where the source is not addressable (remote headers).
  Result<std::span<const std::byte>> bytes(const TensorInfo& tensor) const;

  uint64_t total_bytes() const;  // of all tensors

  // kBadFile names a file that was replaced, edited or removed since it was opened.
  Result<void> check_unchanged() const;

 protected:
  void index_names();  // implementations call this once, when tensors() is complete

 private:
  std::vector<std::pair<size_t, uint32_t>> name_index_;  // (hash, tensor), sorted
};

// Opens a GGUF file (a split model by its first part: the others are found beside it), a .safetensors file, a Hugging
// Face folder, or a folder with one GGUF model. The content decides, not the ending. Errors name the file, the field,
// its offset and the remedy. A lone .safetensors file opens under its own tensor names and without a model's metadata.
// Metadata under "hearth.*" and the canonical names are described in docs/formats/gguf.md.
Result<std::shared_ptr<const Checkpoint>> open(const std::string& path);

}  // namespace hearth::checkpoint
