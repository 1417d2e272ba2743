#pragma once
// For tests: files built field by field, so that each field can be wrong.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "checkpoint/container.h"

namespace hearth::checkpoint::testing {

class Bytes {
 public:
  template <class T>
  Bytes& put(T value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Bytes& u32(uint32_t v) { return put(v); }
  Bytes& u64(uint64_t v) { return put(v); }
  Bytes& raw(std::string_view v) { return text_ += v, *this; }
  Bytes& text(std::string_view v) { return u64(v.size()).raw(v); }
  Bytes& key(std::string_view name, uint32_t type) { return text(name).u32(type); }
  Bytes& pad(size_t multiple) { return text_.resize((text_.size() + multiple - 1) / multiple * multiple), *this; }
  Bytes& zeros(size_t count) { return text_.resize(text_.size() + count), *this; }

  // "GGUF", version, tensor count, key count.
  static Bytes gguf(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return std::move(Bytes().raw("GGUF").u32(version).u64(tensors).u64(keys));
  }
  // A row of the tensor table; dimensions innermost first, as in the file.
  Bytes& tensor(std::string_view name, std::vector<uint64_t> dimensions, uint32_t type, uint64_t offset) {
    text(name).u32(static_cast<uint32_t>(dimensions.size()));
    for (const uint64_t d : dimensions) u64(d);
    return u32(type).u64(offset);
  }
  // A safetensors file: the header's length in front of it, then `data_bytes` zeros.
  static Bytes safetensors(std::string_view header, size_t data_bytes) {
    return std::move(Bytes().u64(header.size()).raw(header).zeros(data_bytes));
  }

  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

inline std::shared_ptr<ByteSource> source_of(std::string_view bytes, std::string name = "test") {
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return memory_source(std::move(name), {begin, begin + bytes.size()});
}

inline Siblings no_siblings() {
  return [](const std::string& name) -> Result<std::shared_ptr<ByteSource>> {
    return fail(ErrorCode::kNotFound, "{}: no such file", name);
  };
}

// Files in memory, by name.
inline Siblings files_of(std::vector<std::pair<std::string, std::string>> files) {
  return [files = std::move(files)](const std::string& name) -> Result<std::shared_ptr<ByteSource>> {
    for (const auto& [known, bytes] : files)
      if (known == name) return source_of(bytes, name);
    return fail(ErrorCode::kNotFound, "{}: no such file", name);
  };
}

inline Result<std::shared_ptr<const Checkpoint>> open_bytes(std::string_view bytes) {
  return open_source(source_of(bytes), no_siblings());
}

// The error of opening `bytes`, "" if they open.
inline std::string refusal(std::string_view bytes) {
  auto opened = open_bytes(bytes);
  return opened ? "" : opened.error().text();
}

}  // namespace hearth::checkpoint::testing
