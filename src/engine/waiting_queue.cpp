#include "engine/waiting_queue.h"

#include <algorithm>
#include <utility>

namespace hearth::engine {

void WaitingQueue::add(Sequence& sequence) {
  const std::string& key = sequence.request().key;
  waiting_.emplace(sequence.id(), &sequence);
  if (const auto turn = turn_of_.find(key); turn != turn_of_.end()) return void(++turn->second->waiting);
  const std::string* const best = richest();
  shares_.begin_to_wait(key, {&best, best == nullptr ? size_t{0} : size_t{1}});
  turns_.push_back({key, 1});
  turn_of_.emplace(turns_.back().key, std::prev(turns_.end()));
}

// Who begins to wait is no better off than the richest, so that one stays the richest until credits change or it leaves.
const std::string* WaitingQueue::richest() {
  if (richest_ != nullptr && richest_at_ == shares_.changes()) return richest_;
  const auto most = std::ranges::max_element(turns_, {}, [&](const Turn& turn) { return shares_.credit(turn.key); });
  richest_ = most == turns_.end() ? nullptr : &most->key;
  richest_at_ = shares_.changes();
  return richest_;
}

void WaitingQueue::put_back(Sequence& sequence) {
  returned_.push_front(&sequence);
  returned_places_.emplace(sequence.id(), returned_.begin());
}

void WaitingQueue::leave_turn(const std::string& key) {
  const auto turn = turn_of_.find(key);
  if (--turn->second->waiting > 0) return;
  if (richest_ == &turn->second->key) richest_ = nullptr;
  const auto place = turn->second;
  turn_of_.erase(turn);
  turns_.erase(place);
}

void WaitingQueue::remove(Sequence& sequence) {
  if (waiting_.erase(sequence.id()) > 0) return leave_turn(sequence.request().key);
  const auto place = returned_places_.find(sequence.id());
  if (place == returned_places_.end()) return;
  returned_.erase(place->second);
  returned_places_.erase(place);
}

void WaitingQueue::started(Sequence& sequence) {
  const auto place = waiting_.find(sequence.id());
  if (place != waiting_.end()) {  // and not one that gave way before
    if (policy_ == Policy::kLongestPrefix) std::for_each(waiting_.begin(), place, [](const auto& older) { older.second->pass_over(); });
    turns_.splice(turns_.end(), turns_, turn_of_.at(sequence.request().key));
  }
  remove(sequence);
}

Sequence* WaitingQueue::oldest_of(RequestId family) const {
  for (auto place = waiting_.lower_bound(family); place != waiting_.end() && place->second->family() == family; ++place)
    if (!place->second->has_started()) return place->second;
  return nullptr;
}

WaitingQueue::Order::Order(WaitingQueue& queue) : queue_(queue) {
  std::unordered_map<std::string_view, std::pair<size_t, const std::string*>> turns;
  for (const Turn& turn : queue.turns_) {
    turns.emplace(turn.key, std::pair(turns_.size(), &turn.key));
    turns_.push_back(next_turn_++);
  }
  for (Sequence* sequence : queue.returned_) groups_[rank(*sequence)].returned.push_back(sequence);
  for (const auto& [id, sequence] : queue.waiting_) {
    const auto& [turn, key] = turns.at(sequence->request().key);
    Line& line = groups_[rank(*sequence)].lines[turn];
    line.key = key;
    line.turn = turn;
    line.sequences.push_back(sequence);
    ++line.left;
  }
}

int32_t WaitingQueue::Order::rank(const Sequence& sequence) const {
  return queue_.policy_ == Policy::kPriority ? sequence.request().priority : 0;
}

void WaitingQueue::Order::put_first(Sequence& sequence) { groups_[rank(sequence)].returned.push_front(&sequence); }

Sequence* WaitingQueue::Order::next() {
  for (; !groups_.empty(); groups_.erase(groups_.begin())) {
    Group& group = groups_.begin()->second;
    is_in_turn_ = group.returned.empty();
    if (!is_in_turn_) {
      Sequence* const sequence = group.returned.front();
      group.returned.pop_front();
      return sequence;
    }
    while (!group.ready.empty() && group.ready.front().left == 0) group.ready.pop_front();
    if (group.ready.empty()) make_ready(group);
    if (!group.ready.empty()) return take(group.ready.front());
  }
  return nullptr;
}

// Credits do not change until tokens are charged, but for what all get where nobody has any: so whoever has credit now keeps
// it as long as this order is of use.
void WaitingQueue::Order::make_ready(Group& group) {
  if (group.lines.empty()) return;
  std::vector<const std::string*> keys;
  for (const auto& [turn, line] : group.lines) keys.push_back(line.key);
  const std::string* const chosen = keys[queue_.shares_.choose(keys)];  // without credit, if it is alone
  for (auto place = group.lines.begin(); place != group.lines.end();) {
    const std::string* const key = place->second.key;
    const auto line = place++;
    if (key != chosen && queue_.shares_.credit(*key) <= 0) continue;
    group.ready.push_back(std::move(line->second));
    group.lines.erase(line);
  }
  group.ready.sort([&](const Line& a, const Line& b) { return turns_[a.turn] < turns_[b.turn]; });
}

void WaitingQueue::Order::end_turn() {
  if (!is_in_turn_) return;
  std::list<Line>& ready = groups_.begin()->second.ready;
  turns_[ready.front().turn] = next_turn_++;
  ready.splice(ready.end(), ready, ready.begin());
}

Sequence* WaitingQueue::Order::take(Line& line) {
  while (line.sequences[line.oldest] == nullptr) ++line.oldest;
  size_t chosen = line.oldest;
  const bool may_pass_over = queue_.policy_ == Policy::kLongestPrefix && line.sequences[chosen]->passed_over() < kMostPassedOver;
  if (may_pass_over && line.left > 1) {
    if (line.by_prefix.empty()) sort_by_prefix(line);
    while (line.sequences[line.by_prefix[line.longest]] == nullptr) ++line.longest;
    chosen = line.by_prefix[line.longest];
  }
  --line.left;
  return std::exchange(line.sequences[chosen], nullptr);
}

void WaitingQueue::Order::sort_by_prefix(Line& line) const {
  std::vector<uint32_t> cached(line.sequences.size());
  for (size_t i = 0; i < line.sequences.size(); ++i) {
    if (line.sequences[i] == nullptr) continue;
    cached[i] = queue_.cached_tokens_(line.sequences[i]->prompt());
    line.by_prefix.push_back(i);
  }
  std::ranges::stable_sort(line.by_prefix, std::greater(), [&](size_t i) { return cached[i]; });
}

}  // namespace hearth::engine
