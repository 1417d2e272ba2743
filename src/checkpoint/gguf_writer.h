#pragma once
// Writes GGUF version 3. Integers are stored in 32 bits where they fit and floating-point numbers as float32, as every
// published file has them and other readers demand; a number that float32 would turn into infinity is float64.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/metadata.h"
#include "base/result.h"
#include "quant/format.h"
#include "tensor/shape.h"

namespace hearth::checkpoint {

struct GgufTensor {
  std::string name;
  quant::FormatId format{};
  Shape shape;
};

// Header, keys, tensor table and the padding after it: everything before the first tensor's bytes. Tensors follow in
// the given order, each padded to general.alignment (32 unless `meta` says otherwise). Errors: kInvalidArgument for
// names or values that GGUF cannot hold, kUnsupported for a format without a GGUF number.
Result<std::string> gguf_header(const Metadata& meta, std::span<const GgufTensor> tensors);

// A whole file in memory; `bytes` holds each tensor's blocks, in the order of `tensors`.
Result<std::vector<std::byte>> gguf_image(const Metadata& meta, std::span<const GgufTensor> tensors,
                                          std::span<const std::span<const std::byte>> bytes);

// A file written tensor by tensor, so that a model need not fit memory. Until finish() it is "<path>.part", which the
// destructor removes.
class GgufWriter {
 public:
  static Result<GgufWriter> create(const std::string& path, const Metadata& meta, std::vector<GgufTensor> tensors);
  GgufWriter(GgufWriter&&) = default;
  ~GgufWriter();

  // All bytes of the next tensor. kInvalidArgument when there is none left or the size is not its size.
  Result<void> append(std::span<const std::byte> bytes);

  // Verifies that every tensor came, and gives the file its name.
  Result<void> finish();

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  GgufWriter() = default;
  Result<void> put(const void* bytes, size_t count);

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::vector<GgufTensor> tensors_;
  size_t next_ = 0;
  uint64_t alignment_ = 0;
};

}  // namespace hearth::checkpoint
