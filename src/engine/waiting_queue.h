#pragma once
// Who starts next. Those who gave way come before those who have not started; then the key whose turn it is (fair_shares.h),
// and of its requests
//   fcfs             the oldest
//   longest-prefix   the one with most of its prompt in the cache; nobody is passed over more than kMostPassedOver times
//   priority         the oldest
// Under `priority`, only those of the highest priority take part in all of this.
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "engine/fair_shares.h"
#include "engine/sequence.h"

namespace hearth::engine {

class WaitingQueue {
 public:
  static constexpr uint32_t kMostPassedOver = 16;
  using CachedTokens = std::function<uint32_t(std::span<const int32_t> prompt)>;

  WaitingQueue(Policy policy, FairShares& shares, CachedTokens cached_tokens)
      : policy_(policy), shares_(shares), cached_tokens_(std::move(cached_tokens)) {}

  void add(Sequence& sequence);       // new
  void put_back(Sequence& sequence);  // gave way to others: the last one put back is the first to come again
  void remove(Sequence& sequence);    // started, or ended while waiting

  struct Candidate {
    Sequence* sequence;
    std::optional<uint32_t> cached;  // tokens of its prompt, where next() had to know
  };
  std::vector<Candidate> candidates() const;     // all that wait: those who gave way first, then oldest first
  size_t next(std::span<Candidate> candidates);  // which of these, in that order and at least one, starts next; it stays in the queue
  void started(Sequence& sequence);              // the one next() named leaves the queue; its key's turn is over

  size_t size() const { return returned_.size() + waiting_.size(); }
  bool empty() const { return size() == 0; }
  // Waiting sequences in the order of their submission.
  const std::deque<Sequence*>& in_order() const { return waiting_; }

  struct Turn {
    std::string key;
    uint32_t waiting = 0;
  };
  const std::deque<Turn>& turns() const { return turns_; }  // without those who gave way

 private:
  size_t choose(std::span<Candidate> candidates, std::vector<size_t>& able);
  void leave_turn(const std::string& key);

  const Policy policy_;
  FairShares& shares_;
  const CachedTokens cached_tokens_;
  std::deque<Sequence*> returned_;  // first to come again first
  std::deque<Sequence*> waiting_;   // oldest first
  std::deque<Turn> turns_;          // keys with waiting sequences, in the order of their turns
};

}  // namespace hearth::engine
