#pragma once
// Where bytes come from. The same header parser reads a mapped file, a memory buffer or a remote file by ranges.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth {

// What a file system tells of a file. While all of it is as it was, the bytes are taken to be.
struct FileFacts {
  uint64_t device = 0, inode = 0, bytes = 0;
  int64_t written_s = 0, written_ns = 0, changed_s = 0, changed_ns = 0;  // changed: bytes, owner, names or rights
  bool operator==(const FileFacts&) const = default;
};

// A named run of bytes with random access. Implementations are immutable and safe to read from several threads.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::string_view name() const = 0;  // for error sentences
  virtual uint64_t size() const = 0;

  // Fills `out` from `offset`. Errors: kBadFile when the range reaches past the end, kIo when reading fails.
  virtual Result<void> read(uint64_t offset, std::span<std::byte> out) const = 0;

  // All bytes where they are addressable (mapped file, memory), else empty. Valid as long as the source lives.
  virtual std::span<const std::byte> mapped() const { return {}; }

  // Of a mapped file when it was mapped, else nothing.
  virtual FileFacts facts() const { return {}; }

  // Whether a mapped file's path still leads to the file as it was mapped. Bytes of a file that shrank since must not be read.
  virtual bool is_unchanged() const { return true; }

  // The caller is going to read these bytes: a mapped file begins to fetch them from the disk. May block while the disk is busy.
  virtual void fetch(uint64_t offset, uint64_t bytes) const {}

  // The caller has no more use for these bytes for now: a mapped file lets go of their memory; they can be read again.
  virtual void release(uint64_t offset, uint64_t bytes) const {}
};

// Maps the file read-only. Errors: kNotFound, kIo; a folder or an empty file is kBadFile.
Result<std::shared_ptr<ByteSource>> map_file(const std::string& path);

std::shared_ptr<ByteSource> memory_source(std::string name, std::vector<std::byte> bytes);

// Bytes that outlive the source and are not copied, such as a file embedded in the program.
std::shared_ptr<ByteSource> static_source(std::string name, std::span<const std::byte> bytes);

// The whole file as text. Errors: kNotFound, kIo, kDoesNotFit above `limit` bytes.
Result<std::string> read_text_file(const std::string& path, uint64_t limit = uint64_t{1} << 30);

// Writes through a new neighbouring file and renames, so that readers see the old content or the new, and what lies at the path, be it a
// link to a file, is replaced and not followed; a device or a pipe is written to. What people said is their own: kOwner. Errors: kCannotCreate.
enum class Readers : uint8_t { kAll, kOwner };  // kAll: as far as the umask lets them
Result<void> write_file(const std::string& path, std::string_view content, Readers readers = Readers::kAll);
bool write_all(int descriptor, std::span<const std::byte> bytes);  // whether all was written; errno tells why not
inline bool write_all(int descriptor, std::string_view text) { return write_all(descriptor, std::as_bytes(std::span(text))); }
void let_others_read(int descriptor);  // a file that is its owner's alone, as far as the umask lets them

// The names in a folder, in order. Errors: kIo.
Result<std::vector<std::string>> names_in(const std::string& folder);

// Of the file or folder that the path leads to; all nothing where there is none.
FileFacts facts_of_path(const std::string& path);

bool is_folder(const std::string& path);
bool file_exists(const std::string& path);

}  // namespace hearth
