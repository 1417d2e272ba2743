#pragma once
// The folder of the persistent prefix cache: files by name, bounded in bytes, the least recently used go first. What is of no
// use without others is a chain, of which the end goes first. Several engines and processes may share a folder: files appear and
// disappear by rename and unlink only, whatever is read is verified, and one at a time makes room and adds. Beyond the bound
// there is at most the file that each of them is writing.
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "base/descriptor.h"
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
  // Marks a chain as used just now, each entry later than those behind it; the next process will see that too.
  void touch(std::span<const EntryName> chain);
  uint64_t most_of_one_chain() const { return max_bytes_ / 10 * 9; }  // bytes; more would push out its own beginning
  // Errors: kNotFound, kIo.
  Result<std::string> read(const EntryName& name, uint64_t limit);
  void will_read(const EntryName& name) const;  // the system may fetch it from the disk meanwhile
  void remove(const EntryName& name);  // a damaged file
  uint64_t bytes() const;              // as far as this process knows

 private:
  class Turn;                          // to add
  struct File {
    uint64_t bytes = 0, used = 0;      // `used`: larger is more recent
  };
  PersistentStore(std::string folder, uint64_t max_bytes);
  Result<void> scan();
  std::string path(const std::string& file) const { return folder_ + "/" + file; }
  Result<void> add(const std::string& unfinished, const std::string& file, uint64_t bytes);
  void make_room(uint64_t bytes);
  void forget(const std::string& file);  // under mutex_

  const std::string folder_;
  const uint64_t max_bytes_;
  const Descriptor lock_;              // of all that share the folder; holds how many files they have added. Held while adding
  std::mutex adding_;                  // the same among threads; guards additions_
  uint64_t additions_ = 0;             // when the folder was last listed, and of our own since
  mutable std::mutex mutex_;           // guards what follows; never held while a disk is waited for
  std::unordered_map<std::string, File> files_;
  uint64_t bytes_ = 0, clock_ = 0;
};

}  // namespace hearth::engine
