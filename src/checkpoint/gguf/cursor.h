#pragma once
// A forward reader of little-endian fields over a ByteSource. Each byte is fetched once, in large pieces, so that
// mapped, in-memory and remote files cost the same few reads. The first error stays; after it every read gives zeros,
// so that a parser checks ok() where it loops or allocates.
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace hearth::checkpoint {

static_assert(std::endian::native == std::endian::little, "files are little-endian and read in place");

class Cursor {
 public:
  explicit Cursor(const ByteSource& source, size_t piece_bytes = size_t{1} << 18)
      : source_(source), piece_bytes_(piece_bytes) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return source_.size() - position_; }
  bool ok() const { return !failed_; }
  Error take_error() { return std::move(error_); }

  // Names what is being read, for error sentences: "key 'llama.block_count'".
  void enter(std::string field) { field_ = std::move(field); }

  // Records "file: byte N: <field>: <sentence>", unless an error came before.
  void refuse(ErrorCode code, uint64_t offset, std::string sentence);
  void refuse(const Error& error);  // names its place inside the file itself

  template <class T>
  T number() {
    T value{};
    if (buffered() >= sizeof value) take(&value, sizeof value);
    else copy(&value, sizeof value);
    return value;
  }

  // `count` little-endian numbers, converted one by one. The caller has bounded `count` by remaining().
  template <class T, class Out>
  std::vector<Out> numbers(uint64_t count) {
    std::vector<Out> out;
    out.reserve(count);
    T piece[1024];
    while (count > 0 && ok()) {
      const size_t n = static_cast<size_t>(std::min<uint64_t>(count, std::size(piece)));
      copy(piece, n * sizeof(T));
      out.insert(out.end(), piece, piece + n);
      count -= n;
    }
    return out;
  }

  // A string with its 64-bit length in front. Longer than `limit` or than the rest of the file is an error.
  std::string text(uint64_t limit);

 private:
  // What is read but not taken; 0 after an error, so that the fast paths need no test of their own.
  size_t buffered() const { return failed_ ? 0 : piece_.size() - used_; }
  void take(void* out, size_t bytes) {
    std::memcpy(out, piece_.data() + used_, bytes);
    used_ += bytes;
    position_ += bytes;
  }
  void copy(void* out, size_t bytes);

  const ByteSource& source_;
  const size_t piece_bytes_;
  std::vector<std::byte> piece_;
  size_t used_ = 0;        // of piece_
  uint64_t position_ = 0;  // of the next unread byte
  std::string field_ = "header";
  bool failed_ = false;
  Error error_;
};

}  // namespace hearth::checkpoint
