#pragma once
// The folder of the persistent prefix cache: files by name, bounded in bytes, the least recently used go first. Several
// engines may share a folder: files appear and disappear by rename and unlink only, and whatever is read is verified.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "engine/cache/persistent_entry.h"

namespace hearth::engine {

// All functions may be called from any thread.
class PersistentStore {
 public:
  // Makes the folder, readable by its owner alone, and reads what it holds. Errors: kCannotCreate, kIo.
  static Result<std::unique_ptr<PersistentStore>> open(const std::string& folder, uint64_t max_bytes);

  bool holds(const EntryName& name);  // as far as this process knows; marks it as used just now
  // The new file is there wholly or not at all, whatever happens. Errors: kDoesNotFit beyond max_bytes, kCannotCreate.
  Result<void> write(const EntryName& name, std::string_view file);
  // Errors: kNotFound, kIo.
  Result<std::string> read(const EntryName& name, uint64_t limit);
  void remove(const EntryName& name);  // a damaged file
  uint64_t bytes() const;              // as far as this process knows

 private:
  struct File {
    uint64_t bytes = 0, used = 0;      // `used`: larger is more recent
  };
  PersistentStore(std::string folder, uint64_t max_bytes) : folder_(std::move(folder)), max_bytes_(max_bytes) {}
  Result<void> scan();
  std::string path(const std::string& file) const { return folder_ + "/" + file; }
  void make_room(uint64_t bytes);      // under the lock
  void forget(const std::string& file);

  const std::string folder_;
  const uint64_t max_bytes_;
  mutable std::mutex mutex_;           // guards what follows
  std::unordered_map<std::string, File> files_;
  uint64_t bytes_ = 0, clock_ = 0, writes_ = 0;
};

}  // namespace hearth::engine
