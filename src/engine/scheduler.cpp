#include "engine/scheduler.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

// Logits of a whole vocabulary per row are large (0.6 MB for 151,936 tokens): requests that want all of them get smaller chunks.
static constexpr uint32_t kMostPromptLogits = 64;

Scheduler::Scheduler(Cache& cache, const SchedulerOptions& options)
    : cache_(cache),
      options_(options),
      waiting_(options.policy, shares_, [this](std::span<const int32_t> prompt) { return cache_.cached_tokens(prompt); }) {
  for (uint32_t slot = options.max_sequences; slot-- > 0;) free_slots_.push_back(slot);
  const uint32_t first_swap_slot = options.max_sequences + options.snapshots;
  for (uint32_t slot = options.swap_slots; slot-- > 0;) free_swap_slots_.push_back(first_swap_slot + slot);
}

void Scheduler::add(Sequence& sequence) {
  shares_.join(sequence.request().key);
  waiting_.add(sequence);
}

void Scheduler::remove(Sequence& sequence) {
  shares_.leave(sequence.request().key);
  if (sequence.stage() == Sequence::Stage::kWaiting) {
    waiting_.remove(sequence);
    if (sequence.pages.is_swapped) free_swap_slots_.push_back(sequence.slot());
    cache_.release(sequence.pages);
  } else {
    std::erase(running_, &sequence);
    stop(sequence);
  }
}

void Scheduler::stop(Sequence& sequence) {
  cache_.release(sequence.pages);
  free_slots_.push_back(sequence.slot());
}

std::span<const Grant> Scheduler::pick(double now, const MayStart& may_start) {
  grants_.clear();
  prompt_grants_.clear();
  started_.clear();

  for (Sequence* sequence : running_) cache_.leave_window(sequence->pages, sequence->past());
  for (size_t i = 0; i < running_.size(); ++i)
    if (running_[i]->is_decoding()) grant(i);
  size_chunk();
  for (size_t i = 0; i < running_.size() && chunk_left_ > 0; ++i)
    if (!running_[i]->is_decoding()) grant(i);
  start_waiting(now, may_start);
  give_leftovers();

  grants_.insert(grants_.end(), prompt_grants_.begin(), prompt_grants_.end());
  HEARTH_CHECK(!grants_.empty() || running_.empty(), "no sequence can advance");
  load_ = {};
  for (const Grant& grant : grants_) {
    load_.add(grant.rows, grant.sequence->past(), !grant.sequence->is_in_prompt());
    shares_.charge(grant.sequence->request().key, grant.rows);
  }
  return grants_;
}

void Scheduler::size_chunk() {
  chunk_left_ = options_.prefill_chunk;
  StepLoad decoding;
  for (const Grant& grant : grants_) decoding.add(grant.rows, grant.sequence->past(), true);
  if (options_.max_itl > 0 && decoding.generated_rows > 0) {
    const auto prompt = std::ranges::find_if(running_, [](const Sequence* sequence) { return !sequence->is_decoding(); });
    const uint32_t past = prompt == running_.end() ? 0 : (*prompt)->past();
    const uint32_t timely = cost_.knows_prompts() ? cost_.rows_within(options_.max_itl, decoding, past, options_.prefill_chunk) : 0;
    chunk_left_ = std::max(timely, std::min(cache_.page_tokens(), options_.prefill_chunk));
  }
  share_chunk();
}

// Whoever is owed most comes first, and gets what cannot be divided.
void Scheduler::share_chunk() {
  struct Wish {
    const std::string* key;
    int64_t credit;
    uint64_t rows;
  };
  std::vector<Wish> wishes;
  std::unordered_map<std::string_view, size_t> wish_of;
  const auto want = [&](const Sequence* sequence, uint32_t rows) {
    const std::string& key = sequence->request().key;
    const auto [place, is_new] = wish_of.emplace(key, wishes.size());
    if (is_new) wishes.push_back({&key, shares_.credit(key), 0});
    wishes[place->second].rows += rows;
  };
  for (const Sequence* sequence : running_)
    if (!sequence->is_decoding()) want(sequence, sequence->computable_rows());
  if (!free_slots_.empty())
    for (const auto& [id, sequence] : waiting_.in_order()) want(sequence, sequence->known());
  key_rows_.clear();
  if (wishes.size() < 2) return;
  std::ranges::stable_sort(wishes, std::greater(), &Wish::credit);
  std::vector<uint64_t> wanted;
  for (const Wish& wish : wishes) wanted.push_back(wish.rows);
  const std::vector<uint32_t> shares = share_out(chunk_left_, wanted);
  for (size_t i = 0; i < shares.size(); ++i) key_rows_.emplace(*wishes[i].key, shares[i]);
}

uint32_t* Scheduler::rows_left_of(const std::string& key) {
  const auto found = key_rows_.find(key);
  return found == key_rows_.end() ? nullptr : &found->second;
}

// A share was left by a key whose requests could not start: it is for everyone.
void Scheduler::give_leftovers() {
  if (key_rows_.empty() || chunk_left_ == 0) return;
  key_rows_.clear();
  for (size_t i = 0; i < running_.size() && chunk_left_ > 0; ++i) {
    if (running_[i]->is_decoding()) continue;
    chunk_left_ += forget_grants(*running_[i]);
    grant(i);
  }
}

void Scheduler::grant(size_t index) {
  Sequence& sequence = *running_[index];
  while (cache_.reach(sequence.pages, sequence.past()) <= sequence.past()) {
    if (index + 1 == running_.size()) return;
    preempt_last();
  }
  uint32_t rows = std::min(sequence.computable_rows(), cache_.reach(sequence.pages, sequence.past()) - sequence.past());
  if (sequence.is_in_prompt()) {
    mark_shared(sequence);
    rows = std::min(rows, sequence.stops().next(sequence.past()) - sequence.past());
  }
  if (sequence.is_in_prompt() && sequence.request().want_prompt_logits) rows = std::min(rows, kMostPromptLogits);
  if (!sequence.is_decoding()) {
    uint32_t* const share = rows_left_of(sequence.request().key);
    rows = std::min(rows, share == nullptr ? chunk_left_ : std::min(chunk_left_, *share));
    if (rows == 0) return;
    chunk_left_ -= rows;
    if (share != nullptr) *share -= rows;
  }
  cache_.grow(sequence.pages, sequence.past(), sequence.past() + rows);
  (sequence.is_in_prompt() ? prompt_grants_ : grants_).push_back({&sequence, rows});
}

uint32_t Scheduler::forget_grants(const Sequence& sequence) {
  uint32_t rows = 0;
  for (std::vector<Grant>* grants : {&grants_, &prompt_grants_})
    std::erase_if(*grants, [&](const Grant& grant) {
      if (grant.sequence == &sequence) rows += grant.rows;
      return grant.sequence == &sequence;
    });
  return rows;
}

// While one of a family computes the prompt, or is about to, the others wait to copy it.
bool Scheduler::waits_for_family(const Sequence& sequence) const {
  if (sequence.has_started() || sequence.family() == sequence.id()) return false;
  const auto is_ahead = [&](const Sequence* running) { return running->family() == sequence.family() && running->is_in_prompt(); };
  return waiting_.oldest_of(sequence.family()) != &sequence || std::ranges::any_of(running_, is_ahead);
}

uint32_t Scheduler::common_tokens(const Sequence& waiting, const Sequence& running) const {
  const auto prompt = waiting.prompt().first(waiting.prompt_tokens() - 1);
  const auto alike = static_cast<uint32_t>(std::ranges::mismatch(prompt, running.prompt()).in1 - prompt.begin());
  return alike / cache_.page_tokens() * cache_.page_tokens();
}

// For the pages of another's prompt that it could reuse and that are not computed yet. One of higher priority does not wait
// for a lower one.
bool Scheduler::waits_for_prompt(const Sequence& sequence) {
  if (!cache_.reuses_prefixes() || sequence.pages.is_swapped || sequence.request().want_prompt_logits) return false;
  return std::ranges::any_of(running_, [&](const Sequence* running) {
    if (!running->is_in_prompt()) return false;
    if (options_.policy == Policy::kPriority && running->request().priority < sequence.request().priority) return false;
    const uint32_t common = common_tokens(sequence, *running);
    return common > running->past() && common > cache_.cached_tokens(sequence.prompt());
  });
}

// Those who will start soon find a snapshot where their prompts leave this one.
void Scheduler::mark_shared(Sequence& sequence) {
  if (!cache_.needs_snapshots()) return;
  uint32_t nearest = UINT32_MAX, looked_at = 0;
  for (const auto& [id, waiting] : waiting_.in_order()) {
    if (looked_at++ == options_.max_sequences) break;
    const uint32_t common = common_tokens(*waiting, sequence);
    if (common > sequence.past()) nearest = std::min(nearest, common);
  }
  sequence.share_until(nearest == UINT32_MAX ? 0 : nearest);
}

// Nobody overtakes the one whose turn it is, unless that one waits for what will come: what it lacks is not given to another.
void Scheduler::start_waiting(double now, const MayStart& may_start) {
  const bool may_push_out = options_.policy == Policy::kPriority;
  if (chunk_left_ == 0 || (free_slots_.empty() && !may_push_out)) return;
  WaitingQueue::Order order(waiting_);
  while (chunk_left_ > 0 && (!free_slots_.empty() || may_push_out)) {
    Sequence* const sequence = order.next();
    if (sequence == nullptr) return;
    if (waits_for_family(*sequence) || (may_start && !may_start(*sequence)) || waits_for_prompt(*sequence)) continue;
    while (free_slots_.empty() || !start(*sequence, now)) {
      Sequence* const pushed_out = make_room_for(*sequence);
      if (pushed_out == nullptr) return;
      order.put_first(*pushed_out);
    }
    order.end_turn();
  }
}

// Each running sequence is left a page to grow into; so a preempted one cannot come back at once, only to be pushed out again.
bool Scheduler::start(Sequence& sequence, double now) {
  const uint32_t running = static_cast<uint32_t>(running_.size()), slot = free_slots_.back();
  if (sequence.pages.is_swapped) {
    if (!cache_.swap_in(sequence.pages, running == 0 ? 0 : running + 1)) return false;
    slot_moves_.push_back({sequence.slot(), slot});
    free_swap_slots_.push_back(sequence.slot());
    sequence.resume(slot);
  } else {
    const bool may_reuse = !sequence.request().want_prompt_logits;  // cached positions have no logits to report
    const CacheMatch match = may_reuse ? cache_.match(sequence.prompt(), sequence.pages) : CacheMatch{};
    if (!cache_.fits(sequence.pages, sequence.known(), running)) {
      cache_.release(sequence.pages);
      return false;
    }
    if (match.snapshot) slot_moves_.push_back({first_snapshot() + *match.snapshot, slot});
    if (!sequence.has_started()) started_.push_back(&sequence);
    sequence.start(match.tokens, slot, match.stops, now);
  }
  free_slots_.pop_back();
  waiting_.started(sequence);
  grant(enter_running(sequence));
  return true;
}

size_t Scheduler::enter_running(Sequence& sequence) {
  auto place = running_.end();
  if (options_.policy == Policy::kPriority)
    place = std::ranges::upper_bound(running_, sequence.request().priority, std::greater(),
                                     [](const Sequence* running) { return running->request().priority; });
  const size_t index = static_cast<size_t>(place - running_.begin());
  running_.insert(place, &sequence);
  return index;
}

// Nobody is pushed out in vain.
Sequence* Scheduler::make_room_for(Sequence& sequence) {
  if (options_.policy != Policy::kPriority || running_.empty()) return nullptr;
  if (running_.back()->request().priority >= sequence.request().priority || !fits_without_lower(sequence)) return nullptr;
  Sequence* const last = running_.back();
  preempt_last();
  return last;
}

// Would it start, were all of lower priority pushed out?
bool Scheduler::fits_without_lower(Sequence& sequence) {
  uint32_t higher = 0;
  std::vector<const SequencePages*> lower;
  for (const Sequence* running : running_) {
    if (running->request().priority < sequence.request().priority) lower.push_back(&running->pages);
    else ++higher;
  }
  if (sequence.pages.is_swapped) return cache_.fits(sequence.pages, 0, higher == 0 ? 0 : higher + 1, lower);
  if (!sequence.request().want_prompt_logits) cache_.match(sequence.prompt(), sequence.pages);
  const bool fits = cache_.fits(sequence.pages, sequence.known(), higher, lower);
  cache_.release(sequence.pages);
  return fits;
}

void Scheduler::preempt_last() {
  Sequence& last = *running_.back();
  running_.pop_back();
  forget_grants(last);
  std::erase(started_, &last);
  ++preemptions_;
  if (last.past() > 0 && !free_swap_slots_.empty() && cache_.swap_out(last.pages, last.past())) {
    slot_moves_.push_back({last.slot(), free_swap_slots_.back()});
    free_slots_.push_back(last.slot());
    last.swap_out(free_swap_slots_.back());
    free_swap_slots_.pop_back();
    ++swaps_;
  } else {
    stop(last);
    last.preempt();
  }
  waiting_.put_back(last);
}

bool Scheduler::fork(Sequence& leader, Sequence& follower, double now) {
  const uint32_t running = static_cast<uint32_t>(running_.size());
  if (free_slots_.empty() || !cache_.fits(leader.pages, leader.past(), running + 1)) return false;
  waiting_.started(follower);
  cache_.fork(leader.pages, follower.pages);
  follower.start_as_fork(leader, free_slots_.back(), now);
  free_slots_.pop_back();
  enter_running(follower);
  return true;
}

}  // namespace hearth::engine
