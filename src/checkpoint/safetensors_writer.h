#pragma once
// Writes a .safetensors file: 8 bytes of header length, a JSON header padded with spaces to 8 bytes, then the tensors.
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tensor/shape.h"

namespace hearth::checkpoint {

struct F32Tensor {
  std::string_view name;
  Shape shape;
  std::span<const float> values;  // shape.count() of them
};

// Replaces the file at once when it is complete. Errors: kCannotCreate.
Result<void> write_safetensors(const std::string& path, std::span<const F32Tensor> tensors);

}  // namespace hearth::checkpoint
