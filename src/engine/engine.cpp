// One step: take in what was submitted and cancelled, let the scheduler pick rows, run them, choose tokens, say what happened.
#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "engine/cache/cache_plan.h"
#include "engine/inbox.h"
#include "engine/meter.h"
#include "engine/runner.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/distribution.h"

namespace hearth::engine {
namespace {

constexpr uint32_t kMostTopLogprobs = 1024;

Result<void> check_tokens(std::string_view field, std::span<const int32_t> tokens, uint32_t vocab) {
  for (size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= vocab)
      return fail(ErrorCode::kInvalidArgument, "{}[{}] is {}, tokens of this model lie between 0 and {}", field, i, tokens[i], vocab - 1);
  return {};
}

Result<void> check_request(const Request& request, uint32_t vocab, uint32_t context) {
  if (request.prompt.empty()) return fail(ErrorCode::kInvalidArgument, "prompt is empty, it must have at least one token");
  HEARTH_TRY_VOID(check_tokens("prompt", request.prompt, vocab));
  HEARTH_TRY_VOID(check_tokens("stop_tokens", request.stop_tokens, vocab));
  if (request.top_logprobs > kMostTopLogprobs)
    return fail(ErrorCode::kInvalidArgument, "top_logprobs is {}, it must be at most {}", request.top_logprobs, kMostTopLogprobs);
  if (!std::isfinite(request.deadline_seconds) || request.deadline_seconds < 0)
    return fail(ErrorCode::kInvalidArgument, "deadline_seconds is {}, it must be 0 or more", request.deadline_seconds);
  if (request.prompt.size() >= context)
    return fail(ErrorCode::kDoesNotFit,
                "the prompt has {} tokens and the context holds {}, of which the answer needs one at least: shorten the prompt "
                "or raise the context",
                request.prompt.size(), context);
  return {};
}

Clock clock_of(const EngineOptions& options) {
  if (options.clock) return options.clock;
  return [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); };
}

std::string_view name_of(ops::KvType type) { return type == ops::KvType::kF32 ? "f32" : "f16"; }

class LocalEngine final : public Engine {
 public:
  LocalEngine(model::Model& model, ops::Backend& backend, const EngineOptions& options, PageLayout layout, CachePlan plan)
      : model_(model),
        trace_(backend.trace()),
        options_(options),
        context_(plan.context),
        clock_(clock_of(options)),
        reuses_prefixes_(options.prefix_cache && model.state_shape().slots.empty()),
        page_memory_(std::move(layout), plan.groups, backend),
        slot_memory_(model.state_shape(), options.max_sequences, backend),
        cache_(std::move(plan.groups), options.page_tokens, reuses_prefixes_),
        scheduler_(cache_, options.prefill_chunk, options.max_sequences),
        runner_(model, backend, page_memory_, slot_memory_),
        meter_(options.observer),
        inbox_(options.max_waiting) {}

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
  void end_overdue();
  void publish_stats();
  void settle(size_t index, const Grant& grant);
  void report_prompt(Sequence& sequence, size_t index, uint32_t first_position);
  void choose(Sequence& sequence, std::span<const float> logits);
  void finish(Sequence& sequence, FinishReason reason, Error error = {});

  model::Model& model_;
  Trace* const trace_;
  const EngineOptions options_;
  const uint32_t context_;
  const Clock clock_;
  const bool reuses_prefixes_;
  PagePool page_memory_;
  RecurrentPool slot_memory_;
  Cache cache_;
  Scheduler scheduler_;
  Runner runner_;
  std::vector<std::unique_ptr<Sequence>> sequences_;  // unfinished, oldest first
  std::vector<Grant> grants_;                         // of this step
  Candidates candidates_;                             // scratch of choose()
  std::vector<TokenLogprob> top_;

  Meter meter_;
  Inbox inbox_;
};

Result<RequestId> LocalEngine::submit(Request request, std::shared_ptr<EventSink> sink) {
  HEARTH_TRY(ids, submit_several(std::move(request), {&sink, 1}));
  return ids[0];
}

Result<std::vector<RequestId>> LocalEngine::submit_several(Request request, std::span<const std::shared_ptr<EventSink>> sinks) {
  const uint32_t vocab = model_.plan().vocab, count = static_cast<uint32_t>(sinks.size());
  if (sinks.empty() || sinks.size() > kMostContinuations)
    return fail(ErrorCode::kInvalidArgument, "{} continuations are asked for, it must be between 1 and {}", sinks.size(), kMostContinuations);
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
    sequences.push_back(std::make_unique<Sequence>(ids[i], request, std::move(chain), sinks[i], now));
  }
  if (inbox_.submit(sequences)) return ids;
  Error busy{ErrorCode::kBusy, fmt::format("{} requests are waiting already: try again in {} s", options_.max_waiting, meter_.retry_after_seconds()), {}};
  busy.retry_after_seconds = meter_.retry_after_seconds();
  return Failure(std::move(busy));
}

// Returns whether anything came in. No event is sent under a lock: a sink may call cancel().
bool LocalEngine::take_in() {
  Inbox::Mail mail = inbox_.take();
  for (auto& sequence : mail.submitted) {
    scheduler_.add(*sequence);
    sequences_.push_back(std::move(sequence));
  }
  bool any = !mail.submitted.empty();
  for (const RequestId id : mail.cancelled) {
    const auto found = std::ranges::find(sequences_, id, &Sequence::id);
    if (found == sequences_.end()) continue;
    finish(**found, FinishReason::kCancelled);
    any = true;
  }
  return any;
}

void LocalEngine::end_overdue() {
  const double now = clock_();
  for (size_t i = sequences_.size(); i-- > 0;)
    if (sequences_[i]->deadline() <= now) finish(*sequences_[i], FinishReason::kDeadline);
}

bool LocalEngine::step() {
  const bool any = take_in();
  end_overdue();
  if (!scheduler_.is_idle()) {
    Trace::Step step(trace_);
    const double begin = clock_();
    const std::span<const Grant> picked = scheduler_.pick(begin);
    grants_.assign(picked.begin(), picked.end());
    uint32_t prompt_rows = 0, generated_rows = 0;
    for (const Grant& grant : grants_) (grant.sequence->is_in_prompt() ? prompt_rows : generated_rows) += grant.rows;
    step.has(prompt_rows, generated_rows);
    runner_.run(grants_);
    meter_.stepped(clock_() - begin, prompt_rows, generated_rows);
    const Trace::Operation choosing(trace_, {.name = "choose tokens"});
    for (size_t i = 0; i < grants_.size(); ++i) settle(i, grants_[i]);
  } else if (!any) {
    return false;
  }
  publish_stats();
  return true;
}

void LocalEngine::publish_stats() {
  EngineStats& counters = meter_.counters();
  counters.load = load();
  counters.running = scheduler_.running();
  counters.waiting = scheduler_.waiting();
  inbox_.set_waiting(scheduler_.waiting());
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
    cache_.publish(sequence.pages, sequence.prompt().first(sequence.past()));
    report_prompt(sequence, index, sequence.past() - grant.rows);
  }
  if (sequence.past() == sequence.known()) choose(sequence, runner_.logits(index, grant.rows - 1));
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

void LocalEngine::choose(Sequence& sequence, std::span<const float> logits) {
  const Request& request = sequence.request();
  const auto distribution = Distribution::of(logits);
  if (!distribution) return finish(sequence, FinishReason::kError, distribution.error());
  const auto token = sequence.chain().choose(candidates_, logits, *distribution, sequence.tokens());
  if (!token) return finish(sequence, FinishReason::kError, token.error());

  top_.clear();
  candidates_.reset(logits, *distribution);
  for (const Candidate& best : candidates_.ranked(request.top_logprobs)) top_.push_back({best.token, distribution->logprob(best.logit)});
  const bool is_first = sequence.generated_tokens() == 0;
  meter_.token(is_first, sequence.append(*token, clock_()));
  sequence.sink().on_token(*token, distribution->logprob(logits[static_cast<size_t>(*token)]), top_);

  if (std::ranges::find(request.stop_tokens, *token) != request.stop_tokens.end()) finish(sequence, FinishReason::kStopToken);
  else if (sequence.generated_tokens() == request.max_tokens) finish(sequence, FinishReason::kLength);
  else if (sequence.known() == context_) finish(sequence, FinishReason::kContext);
}

void LocalEngine::finish(Sequence& sequence, FinishReason reason, Error error) {
  scheduler_.remove(sequence);
  Finish finish = sequence.finish(reason);
  finish.error = std::move(error);
  meter_.finished(sequence.request(), finish);
  sequence.sink().on_finish(finish);
  std::erase_if(sequences_, [&](const auto& owned) { return owned.get() == &sequence; });
}

EngineLoad LocalEngine::load() const {
  EngineLoad load{.sequences = static_cast<uint32_t>(sequences_.size()), .pages = 0, .used_pages = cache_.used_pages(),
                  .kept_pages = cache_.kept_pages()};
  for (const CacheGroup& group : cache_.groups()) load.pages += group.pages;
  return load;
}

std::string LocalEngine::summary() const {
  std::string text = fmt::format("context {}, KV {}/{} {:.1f} MiB in", context_, name_of(options_.k_type), name_of(options_.v_type),
                                 static_cast<double>(page_memory_.bytes()) / (1 << 20));
  for (const CacheGroup& group : cache_.groups()) {
    text += fmt::format(" {} pages of {} tokens", group.pages, options_.page_tokens);
    if (group.window != 0) text += fmt::format(" (window {})", group.window);
    text += &group == &cache_.groups().back() ? "" : " +";
  }
  if (slot_memory_.bytes() != 0)
    text += fmt::format(", {} recurrent slots {:.1f} MiB", options_.max_sequences, static_cast<double>(slot_memory_.bytes()) / (1 << 20));
  if (options_.prefix_cache && !reuses_prefixes_) text += ", no prefix reuse: the model has recurrent layers";
  return text;
}

}  // namespace

Result<std::unique_ptr<Engine>> make_engine(model::Model& model, ops::Backend& backend, const EngineOptions& options) {
  const model::StateShape& shape = model.state_shape();
  const uint32_t made_for = model.plan().context;
  PageLayout layout(shape, options.page_tokens, options.k_type, options.v_type);
  HEARTH_TRY(plan, plan_cache(shape, layout, options, made_for));
  if (made_for != 0 && plan.context > made_for)
    log::warn("context {} is beyond the {} tokens the model was made for", plan.context, made_for);
  if (options.context == 0 && plan.context < made_for)
    log::info("context {} instead of the model's {}: so much cache was granted", plan.context, made_for);
  if (options.prefix_cache && !shape.slots.empty()) log::info("prompts are not reused: the model has recurrent layers");
  return std::make_unique<LocalEngine>(model, backend, options, std::move(layout), std::move(plan));
}

}  // namespace hearth::engine
