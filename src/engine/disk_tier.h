#pragma once
// The prefix cache on disk, for the thread that steps: takes pages and snapshots from memory to disk as prompts are computed,
// and brings them back before a prompt starts that memory knows less of.
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "engine/cache/page_pool.h"
#include "engine/cache/persistent_cache.h"
#include "engine/cache/recurrent_pool.h"
#include "engine/engine.h"
#include "engine/sequence.h"

namespace hearth::engine {

class DiskTier {
 public:
  struct Parts {
    Cache& cache;
    PagePool& pages;
    RecurrentPool& slots;
    uint32_t first_snapshot;         // slot number of snapshot 0
    uint32_t most_asked;             // sequences that wait for an answer at once
  };
  // `parts` must outlive the tier. Errors: those of PersistentStore::open.
  static Result<std::unique_ptr<DiskTier>> make(const DiskCacheOptions& options, const model::Model& model, const ops::Backend& backend,
                                                const PageLayout& layout, const Parts& parts);

  void enter(Sequence& sequence);     // new
  void ask(Sequence& sequence);       // it will start soon; once each
  bool is_ready(Sequence& sequence);  // whether what is known of its prompt has come; asks, as soon as not too many others wait
  // Puts what has come into the cache. `find`: the sequence of an id, nullptr when it is gone.
  void take_answers(const std::function<Sequence*(RequestId)>& find);
  bool wait_for_answer(std::chrono::milliseconds timeout) { return disk_.wait_for_answer(timeout); }

  void store_pages(Sequence& sequence);                   // those published and not yet on disk, while the writer keeps up
  void store_state(Sequence& sequence);                   // the slot's, at the end of its published pages
  void follow(const Sequence& leader, Sequence& follower);  // who starts with a leader's prompt has stored what it has
  void leave(const Sequence& sequence);                   // it ends: what is not stored by now never will be

  PersistentStats stats() const { return disk_.stats(); } // any thread
  void finish_writes() { disk_.finish_writes(); }

 private:
  DiskTier(std::unique_ptr<PersistentStore> store, PersistentCache::Shape shape, PageKey root, const Parts& parts)
      : parts_(parts), root_(root), has_states_(shape.state_bytes > 0), has_pages_(!shape.pages.part_bytes.empty()),
        most_bytes_(store->most_of_one_chain()), disk_(std::move(store), std::move(shape)) {}
  void adopt(const PersistentCache::Answer& answer);
  std::span<const int32_t> page_tokens(const Sequence& sequence, uint32_t page) const;

  const Parts parts_;
  const PageKey root_;
  const bool has_states_, has_pages_;
  const uint64_t most_bytes_;        // of one prompt
  uint32_t asked_ = 0;               // sequences that wait for an answer
  PersistentCache disk_;
};

}  // namespace hearth::engine
