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
#include <list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
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
  void started(Sequence& sequence);   // leaves the queue; its key's turn is over

  size_t size() const { return returned_.size() + waiting_.size(); }
  bool empty() const { return size() == 0; }
  // Without those who gave way. Ids grow in the order of submission, and those of a family follow each other.
  using ById = std::map<RequestId, Sequence*>;
  const ById& in_order() const { return waiting_; }
  Sequence* oldest_of(RequestId family) const;  // that has never started; nullptr: none

  struct Turn {
    std::string key;
    uint32_t waiting = 0;
  };
  using Turns = std::list<Turn>;
  const Turns& turns() const { return turns_; }  // without those who gave way

  class Order;

 private:
  void leave_turn(const std::string& key);
  const std::string* richest();  // of the keys with a turn, the one with most credit; nullptr: none

  const Policy policy_;
  FairShares& shares_;
  const CachedTokens cached_tokens_;
  std::list<Sequence*> returned_;  // first to come again first
  std::unordered_map<RequestId, std::list<Sequence*>::iterator> returned_places_;
  ById waiting_;
  Turns turns_;                    // keys with waiting sequences, in the order of their turns
  std::unordered_map<std::string_view, Turns::iterator> turn_of_;
  const std::string* richest_ = nullptr;
  uint64_t richest_at_ = 0;        // shares_.changes() when it was
};

// Those that wait at one moment, in the order in which they are to start. The work of naming all of them grows with their
// number, but for a logarithm. While it lives, nobody leaves the queue but those whom it has named.
class WaitingQueue::Order {
 public:
  explicit Order(WaitingQueue& queue);

  Sequence* next();                 // each is named once; nullptr: nobody is left
  void end_turn();                  // the one named last has started: other keys come before its own
  void put_first(Sequence& sequence);  // has just given way to one of higher priority

 private:
  // What waits of one key.
  struct Line {
    const std::string* key = nullptr;
    size_t turn = 0;                        // in turns_
    std::vector<Sequence*> sequences = {};  // oldest first; null: named already
    size_t left = 0, oldest = 0;            // of them not named, and where the oldest of those stands or later
    std::vector<size_t> by_prefix = {};     // places of the sequences, most cached tokens first; empty: nobody has asked
    size_t longest = 0;                     // where in by_prefix the first stands that is not named, or later
  };
  struct Group {                            // of one priority
    std::deque<Sequence*> returned = {};
    std::map<size_t, Line> lines = {};      // without credit, by their turn in turns_
    std::list<Line> ready = {};             // with credit, in the order of their turns
  };
  int32_t rank(const Sequence& sequence) const;
  void make_ready(Group& group);
  Sequence* take(Line& line);
  void sort_by_prefix(Line& line) const;

  WaitingQueue& queue_;
  std::map<int32_t, Group, std::greater<>> groups_;
  std::vector<size_t> turns_;  // of each key with a turn: the lowest comes first
  size_t next_turn_ = 0;
  bool is_in_turn_ = false;  // the one named last; those who gave way wait for no turn
};

}  // namespace hearth::engine
