#pragma once
// Prefixes on disk, written and read by two threads of its own so that no step waits for a disk: what cannot be written in
// time is not written, and what is read is picked up between steps.
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "engine/cache/persistent_store.h"

namespace hearth::engine {

struct PersistentStats {
  uint64_t bytes = 0, reads = 0, writes = 0, dropped = 0;  // on disk; entries
};

class PersistentCache {
 public:
  // What entries hold, and how much may be under way in memory.
  struct Shape {
    uint32_t page_tokens = 0;
    EntryShape pages;             // no group: there are no pages, only states
    size_t state_bytes = 0;       // 0: no states
    uint64_t queued_bytes = uint64_t{64} << 20, loaded_bytes = uint64_t{256} << 20;
  };
  PersistentCache(std::unique_ptr<PersistentStore> store, Shape shape);
  ~PersistentCache();             // writes what is queued, reads nothing more

  // What follows is for the thread that steps; nothing waits for a disk but finish_writes().

  // Copies the bytes and will write them. False: the queue is full, try again later. Known entries are taken as written.
  bool offer(const EntryName& name, std::span<const int32_t> tokens, std::span<const std::span<const std::byte>> parts);

  void touch(std::span<const PageKey> pages);  // of one path from its beginning, all offered: the last will be evicted first
  void drop(uint64_t entries);                 // will not be offered again

  // Looks for the pages of `tokens` from page `first` on, as far as all are there; with states, up to the last state.
  struct Query {
    uint64_t id = 0;
    std::vector<PageKey> keys;    // of the pages of `tokens`, from the beginning
    std::vector<int32_t> tokens;
    uint32_t first = 0;
  };
  void ask(Query query);

  struct Answer {
    Query query;
    uint32_t pages = 0;              // from `first` on
    bool is_cut = false;             // more may be there than loaded_bytes allows at once: ask again from where these end
    std::vector<Entry> entries;      // of each of them; empty without groups
    std::optional<Entry> state;      // after the last of them; unset without states
  };
  std::optional<Answer> take();      // one that has come
  bool wait_for_answer(std::chrono::milliseconds timeout);

  void finish_writes();              // waits until nothing is queued
  PersistentStats stats() const;     // any thread

 private:
  struct Job {
    EntryName name;
    std::string file;
    std::vector<EntryName> touched;  // instead of a file
  };
  void write_jobs();
  void answer_queries();
  std::vector<EntryName> chain_of(std::span<const PageKey> pages) const;
  Result<void> write(const Job& job);
  Answer look_up(const Query& query);  // all but the query itself
  void sweep(const Query& query, uint32_t page);
  Result<Entry> read(EntryKind kind, const Query& query, uint32_t page);  // a damaged file is removed: kIntegrity

  const std::unique_ptr<PersistentStore> store_;
  const Shape shape_;
  mutable std::mutex mutex_;         // guards what follows
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  std::unordered_set<std::string> queued_;  // names of jobs, the one being written included
  uint64_t queued_bytes_ = 0, loaded_bytes_ = 0;
  std::deque<Query> queries_;
  std::deque<Answer> answers_;
  PersistentStats stats_;
  bool is_stopping_ = false, has_warned_ = false;
  std::thread writer_, reader_;
};

}  // namespace hearth::engine
