#include "checkpoint/gguf/cursor.h"

namespace hearth::checkpoint {

void Cursor::refuse(ErrorCode code, uint64_t offset, std::string sentence) {
  if (failed_) return;
  failed_ = true;
  error_ = Error{code, field_ + ": " + std::move(sentence), fmt::format("{}: byte {}", source_.name(), offset)};
}

void Cursor::refuse(const Error& error) {
  if (failed_) return;
  failed_ = true;
  error_ = at(source_.name(), error).error();
}

std::string Cursor::text(uint64_t limit) {
  const uint64_t start = position_;
  const auto length = number<uint64_t>();
  if (!ok()) return {};
  if (length > limit) {
    refuse(ErrorCode::kBadFile, start, fmt::format("a string of {} bytes, at most {} are allowed", length, limit));
    return {};
  }
  if (length > remaining()) {
    refuse(
        ErrorCode::kBadFile, start,
        fmt::format("a string of {} bytes, but the file ends after {}; it is truncated or damaged, download it again",
                    length, remaining()));
    return {};
  }
  if (length <= buffered()) {  // vocabularies have hundreds of thousands of short strings
    std::string out(reinterpret_cast<const char*>(piece_.data()) + used_, static_cast<size_t>(length));
    used_ += length;
    position_ += length;
    return out;
  }
  std::string out(static_cast<size_t>(length), '\0');
  copy(out.data(), out.size());
  return out;
}

void Cursor::copy(void* out, size_t bytes) {
  auto* to = static_cast<std::byte*>(out);
  if (failed_ || bytes > remaining()) {
    refuse(ErrorCode::kBadFile, position_,
           fmt::format("{} bytes are needed, but the file ends after {}; it is truncated, download it again", bytes,
                       remaining()));
    std::memset(out, 0, bytes);
    return;
  }
  while (bytes > 0) {
    if (used_ == piece_.size()) {
      piece_.resize(static_cast<size_t>(std::min<uint64_t>(piece_bytes_, remaining())));
      used_ = 0;
      if (auto read = source_.read(position_, piece_); !read) {
        failed_ = true;
        error_ = std::move(read).error();
        std::memset(to, 0, bytes);
        return;
      }
    }
    const size_t n = std::min(bytes, buffered());
    take(to, n);
    to += n;
    bytes -= n;
  }
}

}  // namespace hearth::checkpoint
