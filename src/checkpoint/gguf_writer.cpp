#include "checkpoint/gguf_writer.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_set>

#include "checkpoint/extents.h"
#include "checkpoint/gguf/gguf.h"

namespace hearth::checkpoint {

namespace {

template <class T>
void put_number(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put_type(std::string& out, GgufType type) { put_number(out, static_cast<uint32_t>(type)); }
void put_text(std::string& out, std::string_view text) {
  put_number(out, uint64_t{text.size()});
  out += text;
}
void put_array_head(std::string& out, GgufType item, size_t count) {
  put_type(out, GgufType::kArray);
  put_type(out, item);
  put_number(out, uint64_t{count});
}

template <class T>
bool fits(int64_t value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}
bool fits_float(double value) { return !std::isfinite(value) || std::isfinite(static_cast<float>(value)); }

// One overload per kind of Metadata::Value.
struct ValueWriter {
  std::string& out;

  void operator()(bool v) const {
    put_type(out, GgufType::kBool);
    put_number(out, uint8_t{v});
  }
  void operator()(int64_t v) const {
    if (fits<uint32_t>(v)) return put(GgufType::kUint32, static_cast<uint32_t>(v));
    if (fits<int32_t>(v)) return put(GgufType::kInt32, static_cast<int32_t>(v));
    put(GgufType::kInt64, v);
  }
  void operator()(uint64_t v) const { put(GgufType::kUint64, v); }
  void operator()(double v) const {
    if (fits_float(v)) return put(GgufType::kFloat32, static_cast<float>(v));
    put(GgufType::kFloat64, v);
  }
  void operator()(const std::string& v) const {
    put_type(out, GgufType::kString);
    put_text(out, v);
  }
  void operator()(const std::vector<bool>& v) const {
    put_array_head(out, GgufType::kBool, v.size());
    for (const bool item : v) put_number(out, uint8_t{item});
  }
  void operator()(const std::vector<int64_t>& v) const {
    if (std::all_of(v.begin(), v.end(), fits<int32_t>)) return put_items<int32_t>(GgufType::kInt32, v);
    put_items<int64_t>(GgufType::kInt64, v);
  }
  void operator()(const std::vector<double>& v) const {
    if (std::all_of(v.begin(), v.end(), fits_float)) return put_items<float>(GgufType::kFloat32, v);
    put_items<double>(GgufType::kFloat64, v);
  }
  void operator()(const std::vector<std::string>& v) const {
    put_array_head(out, GgufType::kString, v.size());
    for (const std::string& item : v) put_text(out, item);
  }

 private:
  template <class T>
  void put(GgufType type, T value) const {
    put_type(out, type);
    put_number(out, value);
  }
  template <class T, class Items>
  void put_items(GgufType type, const Items& items) const {
    put_array_head(out, type, items.size());
    for (const auto item : items) put_number(out, static_cast<T>(item));
  }
};

uint64_t padded(uint64_t bytes, uint64_t alignment) { return (bytes + alignment - 1) / alignment * alignment; }

Result<uint64_t> alignment_of(const Metadata& meta) {
  if (!meta.has("general.alignment")) return kGgufAlignment;
  HEARTH_TRY(alignment, meta.integer("general.alignment"));
  if (alignment < 8 || (alignment & (alignment - 1)) != 0 || alignment > (1 << 20))
    return fail(ErrorCode::kInvalidArgument, "general.alignment {} is not a power of two from 8 to 2^20", alignment);
  return static_cast<uint64_t>(alignment);
}

Result<uint64_t> bytes_of(const GgufTensor& tensor) {
  uint64_t extents[Shape::kMaxRank];
  for (size_t i = 0; i < tensor.shape.rank(); ++i) extents[i] = tensor.shape[i];
  auto bytes = stored_bytes(quant::format(tensor.format), std::span(extents, tensor.shape.rank()));
  if (!bytes) return at("tensor " + tensor.name, bytes.error());
  if (*bytes == 0) return fail(ErrorCode::kInvalidArgument, "tensor {} is empty", tensor.name);
  return bytes;
}

Result<void> put_tensor(std::string& out, const GgufTensor& tensor, uint64_t offset) {
  const quant::Format& format = quant::format(tensor.format);
  if (format.gguf_id < 0)
    return fail(ErrorCode::kUnsupported, "tensor {}: GGUF has no number for format {}", tensor.name, format.name);
  put_text(out, tensor.name);
  put_number(out, static_cast<uint32_t>(tensor.shape.rank()));
  for (size_t i = tensor.shape.rank(); i-- > 0;) put_number(out, tensor.shape[i]);
  put_number(out, static_cast<uint32_t>(format.gguf_id));
  put_number(out, offset);
  return {};
}

}  // namespace

Result<std::string> gguf_header(const Metadata& meta, std::span<const GgufTensor> tensors) {
  HEARTH_TRY(alignment, alignment_of(meta));
  std::string out = "GGUF";
  put_number(out, kGgufVersion);
  put_number(out, uint64_t{tensors.size()});
  put_number(out, uint64_t{meta.entries().size()});
  for (const auto& [key, value] : meta.entries()) {
    if (key.empty() || key.size() > 65535) return fail(ErrorCode::kInvalidArgument, "a key has {} bytes", key.size());
    put_text(out, key);
    std::visit(ValueWriter{out}, value);
  }
  std::unordered_set<std::string_view> seen;
  uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    if (tensor.name.empty() || !seen.insert(tensor.name).second)
      return fail(ErrorCode::kInvalidArgument, "tensor name '{}' is empty or there twice", tensor.name);
    HEARTH_TRY(bytes, bytes_of(tensor));
    HEARTH_TRY_VOID(put_tensor(out, tensor, offset));
    offset += padded(bytes, alignment);
  }
  out.resize(padded(out.size(), alignment), '\0');
  return out;
}

Result<std::vector<std::byte>> gguf_image(const Metadata& meta, std::span<const GgufTensor> tensors,
                                          std::span<const std::span<const std::byte>> bytes) {
  HEARTH_TRY(header, gguf_header(meta, tensors));
  HEARTH_TRY(alignment, alignment_of(meta));
  const auto begin = reinterpret_cast<const std::byte*>(header.data());
  std::vector<std::byte> out(begin, begin + header.size());
  if (bytes.size() != tensors.size())
    return fail(ErrorCode::kInvalidArgument, "{} tensors, but bytes of {}", tensors.size(), bytes.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    HEARTH_TRY(expected, bytes_of(tensors[i]));
    if (bytes[i].size() != expected)
      return fail(ErrorCode::kInvalidArgument, "tensor {} has {} bytes, got {}", tensors[i].name, expected,
                  bytes[i].size());
    out.insert(out.end(), bytes[i].begin(), bytes[i].end());
    out.resize(padded(out.size(), alignment));
  }
  return out;
}

Result<GgufWriter> GgufWriter::create(const std::string& path, const Metadata& meta, std::vector<GgufTensor> tensors) {
  HEARTH_TRY(header, gguf_header(meta, tensors));
  GgufWriter writer;
  HEARTH_TRY(alignment, alignment_of(meta));
  writer.alignment_ = alignment;
  writer.path_ = path;
  writer.tensors_ = std::move(tensors);
  writer.file_.reset(std::fopen((path + ".part").c_str(), "wb"));
  if (!writer.file_) return fail(ErrorCode::kCannotCreate, "{}: cannot be created: {}", path, std::strerror(errno));
  HEARTH_TRY_VOID(writer.put(header.data(), header.size()));
  return writer;
}

GgufWriter::~GgufWriter() {
  if (file_) ::unlink((path_ + ".part").c_str());
}

Result<void> GgufWriter::put(const void* bytes, size_t count) {
  if (std::fwrite(bytes, 1, count, file_.get()) != count)
    return fail(ErrorCode::kCannotCreate, "{}: cannot be written: {}", path_, std::strerror(errno));
  return {};
}

Result<void> GgufWriter::append(std::span<const std::byte> bytes) {
  if (next_ == tensors_.size()) return fail(ErrorCode::kInvalidArgument, "{}: all tensors are written", path_);
  HEARTH_TRY(expected, bytes_of(tensors_[next_]));
  if (bytes.size() != expected)
    return fail(ErrorCode::kInvalidArgument, "tensor {} has {} bytes, got {}", tensors_[next_].name, expected,
                bytes.size());
  HEARTH_TRY_VOID(put(bytes.data(), bytes.size()));
  const std::vector<char> padding(padded(expected, alignment_) - expected);
  HEARTH_TRY_VOID(put(padding.data(), padding.size()));
  ++next_;
  return {};
}

Result<void> GgufWriter::finish() {
  if (next_ != tensors_.size())
    return fail(ErrorCode::kInvalidArgument, "{}: {} of {} tensors are written", path_, next_, tensors_.size());
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0 ||
      std::rename((path_ + ".part").c_str(), path_.c_str()) != 0)
    return fail(ErrorCode::kCannotCreate, "{}: cannot be written: {}", path_, std::strerror(errno));
  file_.reset();
  return {};
}

}  // namespace hearth::checkpoint
