#pragma once
// Reads the metadata of a vocabulary file for the tests of this floor, which lies below the real GGUF reader. Trusts
// the file.
#include <cstring>

#include "base/file.h"
#include "base/metadata.h"

namespace hearth::testing {

class GgufVocab {
 public:
  static Metadata read(const std::string& path) {
    GgufVocab file(read_text_file(path).value());
    return file.header();
  }

 private:
  explicit GgufVocab(std::string bytes) : bytes_(std::move(bytes)) {}

  template <class T>
  T take() {
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string text() {
    const auto length = take<uint64_t>();
    return bytes_.substr(std::exchange(at_, at_ + length), length);
  }
  double number(uint32_t type) {
    switch (type) {
      case 0: return take<uint8_t>();
      case 1: return take<int8_t>();
      case 2: return take<uint16_t>();
      case 3: return take<int16_t>();
      case 4: return take<uint32_t>();
      case 5: return take<int32_t>();
      case 6: return take<float>();
      case 7: return take<uint8_t>();
      case 10: return static_cast<double>(take<uint64_t>());
      case 11: return static_cast<double>(take<int64_t>());
      default: return take<double>();
    }
  }
  Metadata::Value value(uint32_t type) {
    if (type == 8) return text();
    if (type == 7) return take<uint8_t>() != 0;
    if (type == 9) return array();
    if (type == 6 || type == 12) return number(type);
    return static_cast<int64_t>(number(type));
  }
  Metadata::Value array() {
    const auto type = take<uint32_t>();
    const auto count = take<uint64_t>();
    std::vector<std::string> texts;
    std::vector<double> numbers;
    std::vector<int64_t> integers;
    for (uint64_t i = 0; i < count; ++i) {
      if (type == 8) texts.push_back(text());
      else if (type == 6 || type == 12) numbers.push_back(number(type));
      else integers.push_back(static_cast<int64_t>(number(type)));
    }
    if (type == 8) return texts;
    if (type == 6 || type == 12) return numbers;
    return integers;
  }
  Metadata header() {
    at_ = 16;  // magic, version, number of tensors
    Metadata meta;
    for (auto left = take<uint64_t>(); left > 0; --left) {
      std::string key = text();
      meta.set(std::move(key), value(take<uint32_t>()));
    }
    return meta;
  }

  std::string bytes_;
  size_t at_ = 0;
};

}  // namespace hearth::testing
