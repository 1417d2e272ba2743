#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/descriptor.h"

namespace hearth {

namespace {

std::string reason() { return std::strerror(errno); }

Result<int> open_for_reading(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return fd;
  if (errno == ENOENT || errno == ENOTDIR) return fail(ErrorCode::kNotFound, "{}: no such file", path);
  return fail(ErrorCode::kIo, "{}: cannot be opened: {}", path, reason());
}

FileFacts facts_of(const struct stat& file) {
  return {.device = file.st_dev,
          .inode = file.st_ino,
          .bytes = static_cast<uint64_t>(file.st_size),
          .written_s = file.st_mtim.tv_sec,
          .written_ns = file.st_mtim.tv_nsec,
          .changed_s = file.st_ctim.tv_sec,
          .changed_ns = file.st_ctim.tv_nsec};
}

class AddressableSource : public ByteSource {
 public:
  AddressableSource(std::string name, std::span<const std::byte> bytes) : name_(std::move(name)), bytes_(bytes) {}
  std::string_view name() const override { return name_; }
  uint64_t size() const override { return bytes_.size(); }
  std::span<const std::byte> mapped() const override { return bytes_; }
  Result<void> read(uint64_t offset, std::span<std::byte> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset)
      return fail(ErrorCode::kBadFile, "{}: {} bytes at offset {} reach past the end ({} bytes); the file is truncated",
                  name_, out.size(), offset, bytes_.size());
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return {};
  }

 protected:
  std::string name_;
  std::span<const std::byte> bytes_;
};

class MappedFile final : public AddressableSource {
 public:
  MappedFile(std::string path, std::span<const std::byte> bytes, const FileFacts& facts)
      : AddressableSource(std::move(path), bytes), facts_(facts) {}
  ~MappedFile() override { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

  FileFacts facts() const override { return facts_; }
  bool is_unchanged() const override {
    return facts_of_path(name_) == facts_;
  }
  void fetch(uint64_t offset, uint64_t bytes) const override {
    const uint64_t first = offset / page() * page(), end = std::min(offset + bytes, size());
    if (first < end) advise(first, end - first, MADV_WILLNEED);
  }
  void release(uint64_t offset, uint64_t bytes) const override {
    const uint64_t first = (offset + page() - 1) / page() * page(), end = std::min(offset + bytes, size()) / page() * page();
    if (first < end) advise(first, end - first, MADV_DONTNEED);
  }

 private:
  static uint64_t page() { return static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)); }
  void advise(uint64_t first, uint64_t bytes, int advice) const {
    ::madvise(const_cast<std::byte*>(bytes_.data()) + first, bytes, advice);
  }

  const FileFacts facts_;
};

class MemorySource final : public AddressableSource {
 public:
  MemorySource(std::string name, std::vector<std::byte> bytes)
      : AddressableSource(std::move(name), {}), storage_(std::move(bytes)) {
    bytes_ = storage_;
  }

 private:
  std::vector<std::byte> storage_;
};

}  // namespace

Result<std::shared_ptr<ByteSource>> map_file(const std::string& path) {
  HEARTH_TRY(fd, open_for_reading(path));
  const Descriptor file(fd);
  struct stat facts {};
  if (::fstat(fd, &facts) != 0) return fail(ErrorCode::kIo, "{}: {}", path, reason());
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::kBadFile, "{}: is not a regular file", path);
  if (facts.st_size == 0) return fail(ErrorCode::kBadFile, "{}: the file is empty", path);
  const auto size = static_cast<size_t>(facts.st_size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (memory == MAP_FAILED) return fail(ErrorCode::kIo, "{}: cannot be mapped: {}", path, reason());
  return std::make_shared<MappedFile>(path, std::span(static_cast<const std::byte*>(memory), size), facts_of(facts));
}

std::shared_ptr<ByteSource> memory_source(std::string name, std::vector<std::byte> bytes) {
  return std::make_shared<MemorySource>(std::move(name), std::move(bytes));
}

std::shared_ptr<ByteSource> static_source(std::string name, std::span<const std::byte> bytes) {
  return std::make_shared<AddressableSource>(std::move(name), bytes);
}

Result<std::string> read_text_file(const std::string& path, uint64_t limit) {
  HEARTH_TRY(fd, open_for_reading(path));
  const Descriptor file(fd);
  struct stat facts {};
  const uint64_t expected = ::fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode) ? static_cast<uint64_t>(facts.st_size) : 0;
  std::string out;
  size_t filled = 0;
  for (size_t room = std::min(expected, limit) + 1;; room = size_t{1} << 16) {  // one more tells the end
    if (filled == out.size()) out.resize(filled + room);
    const ssize_t n = ::read(fd, out.data() + filled, out.size() - filled);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(ErrorCode::kIo, "{}: cannot be read: {}", path, reason());
    filled += static_cast<size_t>(n);
    if (filled > limit) return fail(ErrorCode::kDoesNotFit, "{}: is larger than {} bytes", path, limit);
    if (n == 0) break;
  }
  out.resize(filled);
  return out;
}

bool write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return true;
}

static Result<void> write_in_place(const std::string& path, std::string_view content) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() >= 0 && write_all(file.get(), content)) return {};
  return fail(ErrorCode::kCannotCreate, "{}: cannot be written: {}", path, reason());
}

static const mode_t kPermitted = [] {  // before there are threads: a mask can only be read by setting it
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return 0666 & ~mask;
}();

void let_others_read(int descriptor) { ::fchmod(descriptor, kPermitted); }

Result<void> write_file(const std::string& path, std::string_view content, Readers readers) {
  struct stat there {};
  const bool is_there = ::stat(path.c_str(), &there) == 0;
  if (is_there && !S_ISREG(there.st_mode) && !S_ISDIR(there.st_mode)) return write_in_place(path, content);
  constexpr std::string_view kEnding = ".part";
  std::string part = path + ".XXXXXX" + std::string(kEnding);
  const Descriptor file(::mkostemps(part.data(), static_cast<int>(kEnding.size()), O_CLOEXEC));  // for the owner alone
  if (file.get() < 0) return fail(ErrorCode::kCannotCreate, "{}: cannot be created: {}", path, reason());
  if (readers == Readers::kAll) let_others_read(file.get());
  if (write_all(file.get(), content) && ::fsync(file.get()) == 0 && ::rename(part.c_str(), path.c_str()) == 0) return {};
  const std::string why = reason();
  ::unlink(part.c_str());
  return fail(ErrorCode::kCannotCreate, "{}: cannot be written: {}", path, why);
}

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) return fail(ErrorCode::kIo, "{}: the folder cannot be read: {}", folder, error.message());
  std::ranges::sort(names);
  return names;
}

FileFacts facts_of_path(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 ? facts_of(facts) : FileFacts{};
}

bool is_folder(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

bool file_exists(const std::string& path) {
  struct stat facts {};
  return ::stat(path.c_str(), &facts) == 0;
}

}  // namespace hearth
