#include "engine/cache/persistent_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <vector>

#include "base/file.h"

namespace hearth::engine {

namespace fs = std::filesystem;

// A file that a process was writing when it died. Others may be at work: only what is old is swept away.
static constexpr std::string_view kUnfinished = "unfinished-";
static constexpr auto kOldAge = std::chrono::minutes(10);

static bool is_entry(std::string_view file) {
  return file.size() == 64 + 6 && (file.ends_with(".pages") || file.ends_with(".state")) &&
         file.substr(0, 64).find_first_not_of("0123456789abcdef") == file.npos;
}

PersistentStore::PersistentStore(std::string folder, uint64_t max_bytes)
    : folder_(std::move(folder)), max_bytes_(max_bytes), lock_(::open(path(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}

Result<std::unique_ptr<PersistentStore>> PersistentStore::open(const std::string& folder, uint64_t max_bytes) {
  std::error_code error;
  const bool is_new = fs::create_directories(folder, error);
  if (error) return fail(ErrorCode::kCannotCreate, "{}: the folder of the prefix cache cannot be made: {}", folder, error.message());
  if (is_new) fs::permissions(folder, fs::perms::owner_all, error);
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0)
    return fail(ErrorCode::kCannotCreate, "{}: the folder of the prefix cache cannot be read and written", folder);
  std::unique_ptr<PersistentStore> store(new PersistentStore(folder, max_bytes));
  if (store->lock_.get() < 0) return fail(ErrorCode::kCannotCreate, "{}: the folder of the prefix cache cannot be written", folder);
  HEARTH_TRY_VOID(store->scan());
  return store;
}

// Where file systems know no locks, those that share a folder may exceed its bound together.
class PersistentStore::Turn {
 public:
  explicit Turn(int lock) : lock_(lock) {
    while (::flock(lock_, LOCK_EX) != 0 && errno == EINTR) {}
  }
  ~Turn() { ::flock(lock_, LOCK_UN); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  uint64_t additions() const {
    uint64_t count = 0;
    return ::pread(lock_, &count, sizeof count, 0) == sizeof count ? count : 0;
  }
  void set_additions(uint64_t count) const { (void)!::pwrite(lock_, &count, sizeof count, 0); }

 private:
  const int lock_;
};

// What is there now, by others too. What was used most recently here stays so.
Result<void> PersistentStore::scan() {
  struct Seen {
    std::string file;
    uint64_t bytes;
    fs::file_time_type time;
  };
  std::vector<Seen> seen;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    std::error_code gone;  // another process may remove files meanwhile
    Seen entry{it->path().filename().string(), it->file_size(gone), {}};
    if (!gone) entry.time = it->last_write_time(gone);
    if (gone) continue;
    if (is_entry(entry.file)) seen.push_back(std::move(entry));
    else if (entry.file.starts_with(kUnfinished) && fs::file_time_type::clock::now() - entry.time > kOldAge) fs::remove(it->path(), gone);
  }
  if (error) return fail(ErrorCode::kIo, "{}: the prefix cache cannot be listed: {}", folder_, error.message());
  std::ranges::sort(seen, {}, &Seen::time);
  std::unordered_map<std::string, File> files;
  const std::lock_guard lock(mutex_);
  bytes_ = 0;
  for (Seen& entry : seen) {
    const auto known = files_.find(entry.file);
    bytes_ += entry.bytes;
    files[std::move(entry.file)] = {entry.bytes, known != files_.end() ? known->second.used : ++clock_};
  }
  files_ = std::move(files);
  return {};
}

bool PersistentStore::holds(const EntryName& name) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(name.text());
  if (found == files_.end()) return false;
  found->second.used = ++clock_;
  return true;
}

uint64_t PersistentStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

void PersistentStore::forget(const std::string& file) {
  const auto found = files_.find(file);
  if (found == files_.end()) return;
  bytes_ -= found->second.bytes;
  files_.erase(found);
}

// A tenth more than is needed, so that the search is not made for every file.
void PersistentStore::make_room(uint64_t bytes) {
  std::vector<std::pair<uint64_t, std::string>> oldest_first;
  size_t removed = 0;
  {
    const std::lock_guard lock(mutex_);
    if (bytes_ + bytes <= max_bytes_) return;
    const uint64_t goal = max_bytes_ - bytes - std::min(max_bytes_ - bytes, max_bytes_ / 10);
    for (const auto& [file, facts] : files_) oldest_first.emplace_back(facts.used, file);
    std::ranges::sort(oldest_first);
    while (removed < oldest_first.size() && bytes_ > goal) forget(oldest_first[removed++].second);
  }
  for (size_t i = 0; i < removed; ++i) ::unlink(path(oldest_first[i].second).c_str());
}

// Whoever finds that others have added since it looked looks again, and so counts their files too.
Result<void> PersistentStore::add(const std::string& unfinished, const std::string& file, uint64_t bytes) {
  const std::lock_guard among_threads(adding_);
  const Turn turn(lock_.get());
  const uint64_t additions = turn.additions();
  if (additions != additions_) HEARTH_TRY_VOID(scan());
  make_room(bytes);
  if (::rename(unfinished.c_str(), path(file).c_str()) != 0)
    return fail(ErrorCode::kCannotCreate, "{}: the prefix cache cannot be written", path(file));
  turn.set_additions(additions_ = additions + 1);
  const std::lock_guard lock(mutex_);
  forget(file);
  files_[file] = {bytes, ++clock_};
  bytes_ += bytes;
  return {};
}

Result<void> PersistentStore::write(const EntryName& name, std::string_view file) {
  static std::atomic<uint64_t> counter = 0;  // threads and stores of one process write different files
  if (file.size() > max_bytes_)
    return fail(ErrorCode::kDoesNotFit, "an entry of {} bytes does not fit into a prefix cache of {}", file.size(), max_bytes_);
  const std::string unfinished = path(fmt::format("{}{}-{}", kUnfinished, ::getpid(), counter++));
  HEARTH_TRY_VOID(write_file(unfinished, file, Readers::kOwner));  // synced before it gets its name
  auto added = add(unfinished, name.text(), file.size());
  if (!added) ::unlink(unfinished.c_str());
  return added;
}

Result<std::string> PersistentStore::read(const EntryName& name, uint64_t limit) {
  const std::string file = name.text();
  auto text = read_text_file(path(file), limit);
  const std::lock_guard lock(mutex_);
  if (!text) {
    if (text.error().code == ErrorCode::kNotFound) forget(file);
    return text;
  }
  if (files_.contains(file)) return text;
  files_[file] = {text->size(), ++clock_};  // written by another process
  bytes_ += text->size();
  return text;
}

// File times tick more slowly than files are touched: the order is written into them.
void PersistentStore::touch(std::span<const EntryName> chain) {
  std::vector<std::string> known;
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = chain.size(); i-- > 0;) {
      const auto found = files_.find(chain[i].text());
      if (found == files_.end()) continue;
      found->second.used = ++clock_;
      known.push_back(found->first);
    }
  }
  using std::chrono::microseconds, std::chrono::nanoseconds, std::chrono::seconds;
  const nanoseconds now = std::chrono::system_clock::now().time_since_epoch();
  for (size_t i = 0; i < known.size(); ++i) {
    const nanoseconds time = now - microseconds(known.size() - i);
    const auto whole = std::chrono::floor<seconds>(time);
    const timespec stamp{.tv_sec = whole.count(), .tv_nsec = (time - whole).count()}, both[] = {stamp, stamp};
    ::utimensat(AT_FDCWD, path(known[i]).c_str(), both, 0);
  }
}

void PersistentStore::will_read(const EntryName& name) const {
  const Descriptor file(::open(path(name.text()).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() >= 0) ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_WILLNEED);
}

void PersistentStore::remove(const EntryName& name) {
  const std::string file = name.text();
  ::unlink(path(file).c_str());
  const std::lock_guard lock(mutex_);
  forget(file);
}

}  // namespace hearth::engine
