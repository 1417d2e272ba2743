// One step: take in what was submitted and cancelled, let the scheduler pick rows, run them, choose tokens, say what happened.
#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <optional>
#include <ranges>
#include <unordered_set>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "engine/books.h"
#include "engine/cache/cache_plan.h"
#include "engine/disk_tier.h"
#include "engine/inbox.h"
#include "engine/meter.h"
#include "engine/prompt_memory.h"
#include "engine/runner.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/distribution.h"

namespace hearth::engine {
namespace {

Error memory_ran_out() { return {ErrorCode::kDoesNotFit, "memory ran out", {}}; }

// False where the sink finds no memory. Of a lost on_finish() the sink's destruction tells, which follows.
template <class Tell>
bool is_told(Tell tell) {
  try {
    tell();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

Clock clock_of(const EngineOptions& options) {
  if (options.clock) return options.clock;
  return [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
}

class LocalEngine final : public Engine {
 public:
  LocalEngine(model::Model& model, ops::Backend& backend, const EngineOptions& options, PageLayout layout, CachePlan plan)
      : model_(model),
        trace_(backend.trace()),
        options_(options),
        context_(plan.context),
        clock_(clock_of(options)),
        snapshots_(plan.snapshots),
        page_memory_(std::move(layout), plan.groups, backend),
        slot_memory_(model.state_shape(), options.max_sequences + plan.snapshots + plan.swap_slots, backend),
        books_({.groups = plan.groups, .page_tokens = options.page_tokens, .reuses_prefixes = options.prefix_cache,
                .has_slots = !model.state_shape().slots.empty(), .snapshots = plan.snapshots, .snapshot_pages = options.snapshot_pages},
               {.prefill_chunk = options.prefill_chunk, .max_sequences = options.max_sequences, .max_itl = options.max_itl,
                .policy = options.policy, .snapshots = plan.snapshots, .swap_slots = plan.swap_slots}),
        runner_(model, backend, page_memory_, slot_memory_),
        prompts_(options.page_tokens),
        meter_(options.observer),
        inbox_(options.max_waiting) {}

  Result<void> open_swap() { return page_memory_.open_swap(cache_.groups(), options_.swap_folder); }
  Result<void> open_disk(const ops::Backend& backend);
  void publish_stats();

  Result<RequestId> submit(Request request, std::shared_ptr<EventSink> sink) override;
  Result<std::vector<RequestId>> submit_several(Request request, std::span<const std::shared_ptr<EventSink>> sinks) override;
  void cancel(RequestId id) override { inbox_.cancel(id); }
  bool step() override;
  bool wait_for_work(std::chrono::milliseconds timeout) override { return !sequences_.empty() || inbox_.wait(timeout); }
  void wake() override { inbox_.wake(); }

  uint32_t context() const override { return context_; }
  uint64_t kv_bytes() const override { return page_memory_.bytes() + slot_memory_.bytes(); }
  EngineLoad load() const override;
  EngineStats stats() const override;
  std::string summary() const override;

 private:
  bool take_in();
  bool take_step();
  void open_new_books();
  void end_all();
  void end_overdue();
  void compute();
  Scheduler::MayStart ask_disk();
  void note_start(Sequence& sequence);
  void keep(Sequence& sequence);
  void settle(size_t index, const Grant& grant);
  std::vector<Sequence*> start_forks(Sequence& leader);
  void report_prompt(Sequence& sequence, size_t index, uint32_t first_position);
  std::optional<FinishReason> reason_to_end(const Sequence& sequence) const;
  void choose(Sequence& sequence, std::span<const float> logits, const ops::SoftmaxSums& sums);
  void finish(Sequence& sequence, FinishReason reason, const Error& error = {});
  template <class Ends>
  bool finish_those(Ends ends, FinishReason reason, const Error& error = {});

  model::Model& model_;
  Trace* const trace_;
  const EngineOptions options_;
  const uint32_t context_;
  const Clock clock_;
  const uint32_t snapshots_;
  PagePool page_memory_;
  RecurrentPool slot_memory_;
  Books books_;
  Cache& cache_ = books_.cache();
  Scheduler& scheduler_ = books_.scheduler();
  bool are_books_valid_ = true;                       // not where memory ran out while they were written
  uint32_t failed_steps_ = 0;                         // in a row
  uint64_t past_preemptions_ = 0, past_swaps_ = 0;    // of books before these
  Inbox::Mail mail_;                                  // taken, and not yet in the books
  Runner runner_;
  std::vector<std::unique_ptr<Sequence>> sequences_;  // unfinished, oldest first
  std::vector<Grant> grants_;                         // of this step
  Candidates candidates_;                             // scratch of choose()
  std::vector<TokenLogprob> top_;

  std::unique_ptr<DiskTier> disk_;                    // or null
  PromptMemory prompts_;

  Meter meter_;
  Inbox inbox_;
};

Result<void> LocalEngine::open_disk(const ops::Backend& backend) {
  if (options_.disk_cache.folder.empty() || !options_.prefix_cache) return {};
  HEARTH_TRY(disk, DiskTier::make(options_.disk_cache, model_, backend, page_memory_.layout(),
                                  {cache_, page_memory_, slot_memory_, scheduler_.first_snapshot(), options_.max_sequences}));
  disk_ = std::move(disk);
  return {};
}

Result<RequestId> LocalEngine::submit(Request request, std::shared_ptr<EventSink> sink) {
  HEARTH_TRY(ids, submit_several(std::move(request), {&sink, 1}));
  return ids[0];
}

Result<std::vector<RequestId>> LocalEngine::submit_several(Request request, std::span<const std::shared_ptr<EventSink>> sinks) {
  const uint32_t vocab = model_.plan().vocab, count = static_cast<uint32_t>(sinks.size());
  if (sinks.empty() || sinks.size() > kMostContinuations)
    return fail(ErrorCode::kInvalidArgument, "{} continuations are asked for, it must be between 1 and {}", sinks.size(), kMostContinuations);
  if (count > options_.max_waiting)
    return fail(ErrorCode::kInvalidArgument, "{} continuations are asked for and {} requests may wait at once: ask for fewer, or raise --queue",
                count, options_.max_waiting);
  HEARTH_TRY_VOID(check_request(request, vocab, context_));
  const uint64_t seed = request.sampling.seed;
  const double now = clock_();
  const RequestId first = inbox_.reserve_ids(count);
  std::vector<RequestId> ids;
  std::vector<std::unique_ptr<Sequence>> sequences;
  for (uint32_t i = 0; i < count; ++i) {
    request.sampling.seed = continuation_seed(seed, i);
    if (i > 0) request.want_prompt_logits = false;
    HEARTH_TRY(chain, Chain::make(request.sampling, vocab));
    ids.push_back(first + i);
    sequences.push_back(std::make_unique<Sequence>(ids[i], first, request, std::move(chain), sinks[i], now));
  }
  const auto refusal = inbox_.submit(sequences);
  if (!refusal) return ids;
  const uint32_t seconds = meter_.retry_after_seconds();
  const std::string yours = refusal->of_key < refusal->waiting ? fmt::format(", {} of them yours", refusal->of_key) : "";
  Error busy{ErrorCode::kBusy, fmt::format("{} requests are waiting already{}: try again in {} s", refusal->waiting, yours, seconds), {}};
  busy.retry_after_seconds = seconds;
  return Failure(std::move(busy));
}

// Returns whether anything came in. No event is sent under a lock: a sink may call cancel(). What is in the mail stays there
// until it is in the books, should memory run out between.
bool LocalEngine::take_in() {
  if (mail_.submitted.empty() && mail_.cancelled.empty()) mail_ = inbox_.take();
  const bool any = !mail_.submitted.empty();
  sequences_.reserve(sequences_.size() + mail_.submitted.size());
  for (auto& submitted : mail_.submitted) {
    if (submitted == nullptr) continue;
    if (disk_) disk_->enter(*submitted);
    sequences_.push_back(std::move(submitted));
    scheduler_.add(*sequences_.back());
  }
  mail_.submitted.clear();
  const std::unordered_set<RequestId> cancelled(mail_.cancelled.begin(), mail_.cancelled.end());
  const bool has_ended = finish_those([&](const Sequence& sequence) { return cancelled.contains(sequence.id()); }, FinishReason::kCancelled);
  mail_.cancelled.clear();
  return any || has_ended;
}

void LocalEngine::end_overdue() {
  const double now = clock_();
  finish_those([&](const Sequence& sequence) { return sequence.deadline() <= now; }, FinishReason::kDeadline);
}

// Memory that runs out in the middle of a step leaves books that nobody can trust. They are begun anew and what they knew is
// computed again, which gives the same tokens; where memory runs out again at once, everybody is told.
bool LocalEngine::step() {
  try {
    if (!are_books_valid_) open_new_books();
    const bool any = take_step();
    failed_steps_ = 0;
    return any;
  } catch (const std::bad_alloc&) {
    are_books_valid_ = false;
    if (++failed_steps_ > 1) end_all();
    return true;
  }
}

void LocalEngine::open_new_books() {
  const EngineStats& known = meter_.counters();  // as of the last step that went well
  past_preemptions_ = known.preemptions;
  past_swaps_ = known.swaps;
  books_.begin();
  for (const auto& sequence : sequences_) sequence->start_over();
  for (const auto& sequence : sequences_) scheduler_.add(*sequence);
  are_books_valid_ = true;
  publish_stats();
  log::warn("memory ran out in a step: {} requests are computed again from their beginning", sequences_.size());
}

void LocalEngine::end_all() {
  for (auto* sequences : {&sequences_, &mail_.submitted}) {
    for (auto& sequence : *sequences) {
      const std::unique_ptr<Sequence> ended = std::move(sequence);
      if (ended == nullptr) continue;
      Finish finish = ended->finish(FinishReason::kError);
      finish.error = memory_ran_out();
      is_told([&] { meter_.finished(ended->request(), finish); });
      is_told([&] { ended->sink().on_finish(finish); });
    }
    sequences->clear();
  }
}

bool LocalEngine::take_step() {
  const bool any = take_in();
  end_overdue();
  if (!scheduler_.is_idle()) {
    compute();
  } else if (!any) {
    return false;
  }
  publish_stats();
  return true;
}

// Everybody waits for what the disk knows of their prompt; those who will start soon ask ahead. Of a family, one asks for all.
Scheduler::MayStart LocalEngine::ask_disk() {
  if (!disk_) return {};
  disk_->take_answers([&](RequestId id) {
    const auto found = std::ranges::find(sequences_, id, &Sequence::id);
    return found == sequences_.end() ? nullptr : found->get();
  });
  for (const auto& [id, sequence] : scheduler_.not_started() | std::views::take(options_.max_sequences))
    if (sequence->family() == id) disk_->ask(*sequence);
  return [this](Sequence& sequence) { return disk_->is_ready(sequence); };
}

// What another prompt than the last one left in the cache was not missed.
void LocalEngine::note_start(Sequence& sequence) {
  if (!options_.prefix_cache || sequence.family() != sequence.id()) return;
  sequence.miss = prompts_.compare(sequence.request().key, sequence.prompt());
  if (sequence.miss && sequence.past() > sequence.miss->position) sequence.miss.reset();
  if (sequence.miss)
    log::debug("request {}: its prompt leaves the last one of its key at token {} of {}", sequence.id(), sequence.miss->position,
               sequence.prompt_tokens());
}

void LocalEngine::compute() {
  constexpr std::chrono::milliseconds kDiskWait{5};  // nothing else to do; cancelled requests are looked for in between
  const Scheduler::MayStart may_start = ask_disk();
  Trace::Step trace(trace_);
  const double begin = clock_();
  const std::span<const Grant> picked = scheduler_.pick(begin, may_start);
  grants_.assign(picked.begin(), picked.end());
  for (Sequence* sequence : scheduler_.started()) {
    note_start(*sequence);
    meter_.started(begin, sequence != scheduler_.started().back() || scheduler_.waiting() > 0);
  }
  runner_.move(cache_.moves(), scheduler_.slot_moves());
  cache_.moves().clear();
  scheduler_.slot_moves().clear();
  if (grants_.empty()) {
    if (disk_) disk_->wait_for_answer(kDiskWait);
    return;
  }
  const StepLoad& load = scheduler_.step_load();
  trace.has(load.prompt_rows, load.generated_rows);
  runner_.run(grants_);
  const double seconds = clock_() - begin;
  scheduler_.observe(seconds);
  meter_.stepped(seconds, load.prompt_rows, load.generated_rows);
  const Trace::Operation choosing(trace_, {.name = "choose tokens"});
  for (size_t i = 0; i < grants_.size(); ++i) settle(i, grants_[i]);
}

void LocalEngine::publish_stats() {
  EngineStats& counters = meter_.counters();
  counters.load = load();
  counters.running = scheduler_.running();
  counters.waiting = scheduler_.waiting();
  counters.preemptions = past_preemptions_ + scheduler_.preemptions();
  counters.swaps = past_swaps_ + scheduler_.swaps();
  if (disk_) {
    const PersistentStats disk = disk_->stats();
    counters.disk_bytes = disk.bytes;
    counters.disk_reads = disk.reads;
    counters.disk_writes = disk.writes;
    counters.disk_dropped = disk.dropped;
  }
  inbox_.set_waiting(scheduler_.waiting(), scheduler_.turns());
  meter_.publish();
}

EngineStats LocalEngine::stats() const {
  EngineStats stats = meter_.stats();
  stats.refused = inbox_.refused();
  return stats;
}

// What follows for a sequence whose rows were computed.
void LocalEngine::settle(size_t index, const Grant& grant) {
  Sequence& sequence = *grant.sequence;
  const bool was_in_prompt = sequence.is_in_prompt();
  sequence.advance(grant.rows);
  if (was_in_prompt) {
    keep(sequence);
    report_prompt(sequence, index, sequence.past() - grant.rows);
  } else if (disk_) {
    disk_->store_pages(sequence);  // what the writer had no room for
  }
  if (sequence.past() != sequence.known()) return;
  const std::span<const float> logits = runner_.logits(index, grant.rows - 1);
  const std::vector<Sequence*> forks = was_in_prompt ? start_forks(sequence) : std::vector<Sequence*>();
  choose(sequence, logits, runner_.sums(index));
  for (Sequence* fork : forks) choose(*fork, logits, runner_.sums(index));
}

// What was computed of a prompt can be found again, in memory and on disk.
void LocalEngine::keep(Sequence& sequence) {
  cache_.publish(sequence.pages, sequence.prompt().first(sequence.past()));
  if (disk_) disk_->store_pages(sequence);
  if (!sequence.stops().at(sequence.past())) return;
  if (const auto snapshot = cache_.add_snapshot(sequence.pages)) slot_memory_.copy(sequence.slot(), scheduler_.first_snapshot() + *snapshot);
  if (disk_) disk_->store_state(sequence);
}

// The rest of a family starts where its prompt is computed. Who finds no room waits, and starts like any other later.
std::vector<Sequence*> LocalEngine::start_forks(Sequence& leader) {
  std::vector<Sequence*> forks;
  if (leader.generated_tokens() > 0) return forks;
  while (Sequence* follower = scheduler_.waiting_follower(leader)) {
    const double now = clock_();
    if (!scheduler_.fork(leader, *follower, now)) break;
    slot_memory_.copy(leader.slot(), follower->slot());
    if (disk_) disk_->follow(leader, *follower);
    meter_.started(now, scheduler_.waiting() > 0);
    follower->report_prompt();
    follower->sink().on_prompt_progress(follower->past(), follower->prompt_tokens());
    forks.push_back(follower);
  }
  return forks;
}

// Says what is new; after a preemption, a prompt is computed again without a word.
void LocalEngine::report_prompt(Sequence& sequence, size_t index, uint32_t first_position) {
  const uint32_t first_new = std::max(sequence.reported_prompt(), first_position);
  if (sequence.past() <= first_new) return;
  if (sequence.request().want_prompt_logits)
    for (uint32_t position = first_new; position < sequence.past(); ++position)
      sequence.sink().on_prompt_logits(position, runner_.logits(index, position - first_position));
  sequence.report_prompt();
  sequence.sink().on_prompt_progress(sequence.past(), sequence.prompt_tokens());
}

std::optional<FinishReason> LocalEngine::reason_to_end(const Sequence& sequence) const {
  const Request& request = sequence.request();
  if (sequence.generated_tokens() == 0) return std::nullopt;
  if (std::ranges::find(request.stop_tokens, sequence.tokens().back()) != request.stop_tokens.end()) return FinishReason::kStopToken;
  if (sequence.generated_tokens() == request.max_tokens) return FinishReason::kLength;
  if (sequence.known() == context_) return FinishReason::kContext;
  return std::nullopt;
}

// Whatever needs memory comes before the token is drawn: a step that fails is repeated, and must draw the same.
void LocalEngine::choose(Sequence& sequence, std::span<const float> logits, const ops::SoftmaxSums& sums) {
  if (const auto reason = reason_to_end(sequence)) return finish(sequence, *reason);  // memory ran out before it was told
  const auto distribution = Distribution::of(logits, sums);
  if (!distribution) return finish(sequence, FinishReason::kError, distribution.error());
  top_.clear();
  candidates_.reset(logits, *distribution);
  for (const Candidate& best : candidates_.ranked(sequence.request().top_logprobs))
    top_.push_back({best.token, distribution->logprob(best.logit)});
  sequence.expect_token();
  const auto token = sequence.chain().choose(candidates_, logits, *distribution, sequence.tokens());
  if (!token) return finish(sequence, FinishReason::kError, token.error());

  const bool is_first = sequence.generated_tokens() == 0;
  meter_.token(is_first, sequence.append(*token, clock_()));
  const float logprob = distribution->logprob(logits[static_cast<size_t>(*token)]);
  if (!is_told([&] { sequence.sink().on_token(*token, logprob, top_); })) return finish(sequence, FinishReason::kError, memory_ran_out());
  if (const auto reason = reason_to_end(sequence)) finish(sequence, *reason);
}

void LocalEngine::finish(Sequence& sequence, FinishReason reason, const Error& error) {
  finish_those([&](const Sequence& other) { return &other == &sequence; }, reason, error);
}

// Whether there were any. Who hears of the end and then asks for the figures finds the request ended in them.
template <class Ends>
bool LocalEngine::finish_those(Ends ends, FinishReason reason, const Error& error) {
  struct Ended {
    Finish finish;
    std::unique_ptr<Sequence> sequence;
  };
  std::vector<Ended> ended;
  for (const auto& sequence : sequences_) {
    if (!ends(*sequence)) continue;
    if (disk_) disk_->leave(*sequence);
    scheduler_.remove(*sequence);
    ended.push_back({sequence->finish(reason), nullptr});
    ended.back().finish.error = error;
    meter_.finished(sequence->request(), ended.back().finish);
  }
  if (ended.empty()) return false;
  auto next = ended.begin();
  for (auto& sequence : sequences_)
    if (sequence->stage() == Sequence::Stage::kFinished) (next++)->sequence = std::move(sequence);
  std::erase(sequences_, nullptr);
  publish_stats();
  for (const Ended& each : ended) is_told([&] { each.sequence->sink().on_finish(each.finish); });
  return true;
}

EngineLoad LocalEngine::load() const {
  EngineLoad load{.sequences = static_cast<uint32_t>(sequences_.size()), .pages = 0, .used_pages = cache_.used_pages(),
                  .kept_pages = cache_.kept_pages()};
  for (const CacheGroup& group : cache_.groups()) load.pages += group.pages;
  return load;
}

std::string LocalEngine::summary() const {
  std::string text = fmt::format("context {}, KV {}/{} {:.1f} MiB in", context_, ops::kv_format(options_.k_type).name, ops::kv_format(options_.v_type).name,
                                 static_cast<double>(page_memory_.bytes()) / (1 << 20));
  for (const CacheGroup& group : cache_.groups()) {
    text += fmt::format(" {} pages of {} tokens", group.pages, options_.page_tokens);
    if (group.window != 0) text += fmt::format(" (window {})", group.window);
    text += &group == &cache_.groups().back() ? "" : " +";
  }
  if (slot_memory_.bytes() != 0)
    text += fmt::format(", {} recurrent slots and {} snapshots {:.1f} MiB", options_.max_sequences, snapshots_,
                        static_cast<double>(slot_memory_.bytes()) / (1 << 20));
  if (page_memory_.swap_bytes() != 0)
    text += fmt::format(", swap {:.1f} MiB{}{}", static_cast<double>(page_memory_.swap_bytes()) / (1 << 20),
                        options_.swap_folder.empty() ? "" : " in ", options_.swap_folder);
  return text;
}

}  // namespace

Result<std::unique_ptr<Engine>> make_engine(model::Model& model, ops::Backend& backend, const EngineOptions& options) {
  const model::StateShape& shape = model.state_shape();
  const uint32_t made_for = model.plan().context;
  PageLayout layout(shape, options.page_tokens, options.k_type, options.v_type);
  for (const ops::KvLayer& layer : layout.layers) HEARTH_TRY_VOID(ops::check_kv(layer));
  HEARTH_TRY(plan, plan_cache(shape, layout, options, made_for));
  if (made_for != 0 && plan.context > made_for)
    log::warn("context {} is beyond the {} tokens the model was made for", plan.context, made_for);
  if (options.context == 0 && plan.context < made_for)
    log::info("context {} instead of the model's {}: so much cache was granted", plan.context, made_for);
  auto engine = std::make_unique<LocalEngine>(model, backend, options, std::move(layout), std::move(plan));
  HEARTH_TRY_VOID(engine->open_swap());
  HEARTH_TRY_VOID(engine->open_disk(backend));
  engine->publish_stats();
  return engine;
}

Result<CacheMemory> plan_memory(const model::StateShape& shape, const EngineOptions& options, uint32_t model_context) {
  const PageLayout layout(shape, options.page_tokens, options.k_type, options.v_type);
  HEARTH_TRY(plan, plan_cache(shape, layout, options, model_context));
  return CacheMemory{.bytes = plan.bytes, .context = plan.context};
}

}  // namespace hearth::engine
