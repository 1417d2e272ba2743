#include "engine/waiting_queue.h"

#include <algorithm>

namespace hearth::engine {

void WaitingQueue::add(Sequence& sequence) {
  waiting_.push_back(&sequence);
  const auto turn = std::ranges::find(turns_, sequence.request().key, &Turn::key);
  if (turn != turns_.end()) ++turn->waiting;
  else turns_.push_back({sequence.request().key, 1});
}

void WaitingQueue::put_back(Sequence& sequence) { returned_.push_front(&sequence); }

void WaitingQueue::leave_turn(const std::string& key) {
  const auto turn = std::ranges::find(turns_, key, &Turn::key);
  if (--turn->waiting == 0) turns_.erase(turn);
}

void WaitingQueue::remove(Sequence& sequence) {
  if (std::erase(returned_, &sequence) == 0 && std::erase(waiting_, &sequence) > 0) leave_turn(sequence.request().key);
}

void WaitingQueue::started(Sequence& sequence) {
  const auto place = std::ranges::find(waiting_, &sequence);
  if (place != waiting_.end()) {  // and not one that gave way before
    std::for_each(waiting_.begin(), place, [](Sequence* older) { older->pass_over(); });
    const auto turn = std::ranges::find(turns_, sequence.request().key, &Turn::key);
    if (turn != turns_.end()) std::rotate(turn, turn + 1, turns_.end());
  }
  remove(sequence);
}

Sequence* WaitingQueue::next(const MayStart& may_start) {
  std::vector<Sequence*> able;  // those who gave way first, then oldest first
  for (const auto* queue : {&returned_, &waiting_})
    for (Sequence* sequence : *queue)
      if (may_start(*sequence)) able.push_back(sequence);
  if (able.empty()) return nullptr;
  if (policy_ == Policy::kPriority) {
    int32_t highest = INT32_MIN;
    for (const Sequence* sequence : able) highest = std::max(highest, sequence->request().priority);
    std::erase_if(able, [&](const Sequence* sequence) { return sequence->request().priority != highest; });
  }
  const bool gave_way = std::ranges::find(returned_, able.front()) != returned_.end();
  return gave_way ? able.front() : choose(able);
}

Sequence* WaitingQueue::choose(std::vector<Sequence*>& able) {
  std::vector<const std::string*> keys;
  for (const Turn& turn : turns_)
    if (std::ranges::any_of(able, [&](const Sequence* s) { return s->request().key == turn.key; })) keys.push_back(&turn.key);
  const std::string& key = *keys[shares_.choose(keys)];
  std::erase_if(able, [&](const Sequence* sequence) { return sequence->request().key != key; });
  if (policy_ != Policy::kLongestPrefix || able.size() == 1 || able.front()->passed_over() >= kMostPassedOver) return able.front();
  return *std::ranges::max_element(able, {}, [&](const Sequence* sequence) { return cached_tokens_(sequence->prompt()); });
}

}  // namespace hearth::engine
