#include "engine/waiting_queue.h"

#include <algorithm>

namespace hearth::engine {

void WaitingQueue::add(Sequence& sequence) {
  waiting_.push_back(&sequence);
  const auto turn = std::ranges::find(turns_, sequence.request().key, &Turn::key);
  if (turn != turns_.end()) return void(++turn->waiting);
  std::vector<const std::string*> keys;
  for (const Turn& other : turns_) keys.push_back(&other.key);
  shares_.begin_to_wait(sequence.request().key, keys);
  turns_.push_back({sequence.request().key, 1});
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

std::vector<WaitingQueue::Candidate> WaitingQueue::candidates() const {
  std::vector<Candidate> all;
  for (const auto* queue : {&returned_, &waiting_})
    for (Sequence* sequence : *queue) all.push_back({sequence, {}});
  return all;
}

size_t WaitingQueue::next(std::span<Candidate> candidates) {
  int32_t highest = INT32_MIN;
  for (const Candidate& candidate : candidates) highest = std::max(highest, candidate.sequence->request().priority);
  std::vector<size_t> able;
  for (size_t i = 0; i < candidates.size(); ++i)
    if (policy_ != Policy::kPriority || candidates[i].sequence->request().priority == highest) able.push_back(i);
  const bool gave_way = std::ranges::find(returned_, candidates[able.front()].sequence) != returned_.end();
  return gave_way ? able.front() : choose(candidates, able);
}

size_t WaitingQueue::choose(std::span<Candidate> candidates, std::vector<size_t>& able) {
  const auto key_of = [&](size_t i) -> const std::string& { return candidates[i].sequence->request().key; };
  std::vector<const std::string*> keys;
  for (const Turn& turn : turns_)
    if (std::ranges::find(able, turn.key, key_of) != able.end()) keys.push_back(&turn.key);
  const std::string& key = *keys[shares_.choose(keys)];
  std::erase_if(able, [&](size_t i) { return key_of(i) != key; });
  const size_t oldest = able.front();
  if (policy_ != Policy::kLongestPrefix || able.size() == 1 || candidates[oldest].sequence->passed_over() >= kMostPassedOver) return oldest;
  for (const size_t i : able)
    if (!candidates[i].cached) candidates[i].cached = cached_tokens_(candidates[i].sequence->prompt());
  return *std::ranges::max_element(able, {}, [&](size_t i) { return *candidates[i].cached; });
}

}  // namespace hearth::engine
