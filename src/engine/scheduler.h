#pragma once
// Which tokens of which sequences make the next step. Pure policy over lengths, page counts and predicted times; it touches
// no tensor and reads no clock.
//
// Every decoding sequence gets its row first, then prompts are computed in chunks that share the rows of a step, then waiting
// sequences start while slots and pages last (waiting_queue.h says in which order). While somebody decodes, a step has only
// as many prompt rows as its time allows, a page's worth at least; keys share those rows evenly.
//
// Nobody computes what another is computing: a prompt that begins like one in progress waits until the common pages are there.
//
// Running sequences have a rank: their priority, then the order in which they started. One that finds no page takes those of
// the last in rank, which waits again (its pages go to swap memory if there is room, else it is computed again later), or,
// being the last itself, waits with what it has. So the first in rank always advances.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/cache/cache.h"
#include "engine/fair_shares.h"
#include "engine/sequence.h"
#include "engine/step_cost.h"
#include "engine/waiting_queue.h"

namespace hearth::engine {

// The next `rows` tokens of a sequence; its pages cover them.
struct Grant {
  Sequence* sequence;
  uint32_t rows;
};

// Copies of slots that must happen, in order, before the next step: slots of running sequences come first, then snapshots,
// then those of sequences that gave way.
struct SlotMove {
  uint32_t from, to;
};

struct SchedulerOptions {
  uint32_t prefill_chunk = 512, max_sequences = 1;
  double max_itl = 0;                  // seconds; 0: no limit
  Policy policy = Policy::kFcfs;
  uint32_t snapshots = 0, swap_slots = 0;  // slots beyond those of running sequences; so many may be swapped out at once
};

class Scheduler {
 public:
  // Whether a sequence whose turn has come may start, as far as others than the scheduler know.
  using MayStart = std::function<bool(Sequence&)>;

  Scheduler(Cache& cache, const SchedulerOptions& options);

  void add(Sequence& sequence);     // it waits; must live until removed
  void remove(Sequence& sequence);  // waiting or running; its pages are given back

  // Grants of generated tokens come first. Empty only if nothing is running and none of the waiting may start.
  // Valid until the next call.
  std::span<const Grant> pick(double now, const MayStart& may_start = {});
  void observe(double seconds) { cost_.observe(load_, seconds); }  // what the picked step took

  // A waiting sequence of the same family starts as a copy of one that has just computed its prompt; false: no slot or page.
  bool fork(Sequence& leader, Sequence& follower, double now);
  // The oldest of its family that has not started; nullptr: none.
  Sequence* waiting_follower(const Sequence& leader) const { return waiting_.oldest_of(leader.family()); }

  std::vector<SlotMove>& slot_moves() { return slot_moves_; }  // not yet made; whoever makes them clears the list
  std::span<Sequence* const> started() const { return started_; }  // by the last pick, for the first time
  uint32_t first_snapshot() const { return options_.max_sequences; }
  const StepLoad& step_load() const { return load_; }              // of the last pick
  const WaitingQueue::ById& not_started() const { return waiting_.in_order(); }

  const WaitingQueue::Turns& turns() const { return waiting_.turns(); }
  uint32_t waiting() const { return static_cast<uint32_t>(waiting_.size()); }
  uint32_t running() const { return static_cast<uint32_t>(running_.size()); }
  uint64_t preemptions() const { return preemptions_; }
  uint64_t swaps() const { return swaps_; }
  bool is_idle() const { return waiting_.empty() && running_.empty(); }

 private:
  void grant(size_t index);               // what running_[index] may compute now
  void size_chunk();                      // how many prompt rows this step may have
  void share_chunk();                     // and each key of them
  void give_leftovers();
  uint32_t* rows_left_of(const std::string& key);
  void start_waiting(double now, const MayStart& may_start);
  bool start(Sequence& sequence, double now);
  Sequence* make_room_for(Sequence& sequence);   // by priority: who gave way; nullptr: nobody
  bool fits_without_lower(Sequence& sequence);
  bool waits_for_family(const Sequence& sequence) const;
  bool waits_for_prompt(const Sequence& sequence);
  uint32_t common_tokens(const Sequence& waiting, const Sequence& running) const;  // in whole pages that the first could reuse
  void mark_shared(Sequence& sequence);
  size_t enter_running(Sequence& sequence);      // its index
  void preempt_last();
  void stop(Sequence& sequence);
  uint32_t forget_grants(const Sequence& sequence);  // returns their rows

  Cache& cache_;
  const SchedulerOptions options_;
  FairShares shares_;
  WaitingQueue waiting_;
  std::vector<Sequence*> running_;   // by rank
  std::vector<uint32_t> free_slots_, free_swap_slots_;
  std::vector<Grant> grants_, prompt_grants_;
  std::vector<Sequence*> started_;
  std::vector<SlotMove> slot_moves_;
  StepCost cost_;
  StepLoad load_;
  uint32_t chunk_left_ = 0;
  std::unordered_map<std::string, uint32_t> key_rows_;  // what is left for each; empty: no limit but the chunk
  uint64_t preemptions_ = 0, swaps_ = 0;
};

}  // namespace hearth::engine
