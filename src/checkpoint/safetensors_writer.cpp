#include "checkpoint/safetensors_writer.h"

#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"

namespace hearth::checkpoint {

static_assert(std::endian::native == std::endian::little, "the file format is little-endian");

Result<void> write_safetensors(const std::string& path, std::span<const F32Tensor> tensors) {
  Json header = Json::object();
  size_t offset = 0;
  for (const auto& tensor : tensors) {
    HEARTH_CHECK(tensor.values.size() == tensor.shape.count(), "a tensor's values do not match its shape");
    Json shape = Json::array();
    for (size_t axis = 0; axis < tensor.shape.rank(); ++axis) shape.push(static_cast<size_t>(tensor.shape[axis]));
    const size_t end = offset + tensor.values.size_bytes();
    header.set(tensor.name,
               Json::object({{"dtype", "F32"}, {"shape", std::move(shape)}, {"data_offsets", Json::Array{offset, end}}}));
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t length = text.size();
  std::string file(sizeof length, '\0');
  std::memcpy(file.data(), &length, sizeof length);
  file += text;
  file.reserve(file.size() + offset);
  for (const auto& tensor : tensors)
    file.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size_bytes());
  return write_file(path, file);
}

}  // namespace hearth::checkpoint
