#include "model/scratch.h"

namespace hearth::model {

ops::Matrix Scratch::matrix(Purpose purpose, uint32_t rows, uint32_t columns) {
  Buffer& buffer = buffers_[static_cast<size_t>(purpose)];
  const size_t stride = ops::row_stride(columns), bytes = rows * stride * sizeof(float);
  if (buffer.size() < bytes) buffer = backend_.allocate(bytes);
  return {buffer.as<float>(), rows, columns, stride};
}

std::span<ops::Route> Scratch::routes(size_t count) {
  if (routes_.size() < count) routes_.resize(count);
  return std::span(routes_).first(count);
}

}  // namespace hearth::model
