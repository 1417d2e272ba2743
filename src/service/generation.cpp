#include "service/generation.h"

#include "base/check.h"

namespace hearth::service {

Generation::Generation(engine::Engine& engine, const text::Tokenizer& tokenizer, uint64_t seed, const OutputOptions& output,
                       std::shared_ptr<EventReceiver> receiver)
    : engine_(engine), seed_(seed), receiver_(std::move(receiver)), stream_(tokenizer, output, *receiver_, [this] { cancel(); }) {}

Result<std::vector<std::shared_ptr<Generation>>> Generation::start(engine::Engine& engine, const text::Tokenizer& tokenizer,
                                                                   engine::Request request, const OutputOptions& output,
                                                                   std::span<const std::shared_ptr<EventReceiver>> receivers) {
  std::vector<std::shared_ptr<Generation>> generations;
  for (uint32_t i = 0; i < receivers.size(); ++i)
    generations.emplace_back(
        new Generation(engine, tokenizer, engine::continuation_seed(request.sampling.seed, i), output, receivers[i]));
  if (generations.size() == 1) {
    HEARTH_TRY(id, engine.submit(std::move(request), generations[0]));
    generations[0]->set_id(id);
    return generations;
  }
  const std::vector<std::shared_ptr<engine::EventSink>> sinks(generations.begin(), generations.end());
  HEARTH_TRY(ids, engine.submit_several(std::move(request), sinks));
  for (size_t i = 0; i < ids.size(); ++i) generations[i]->set_id(ids[i]);
  return generations;
}

void Generation::set_id(engine::RequestId id) {
  id_.store(id);
  if (is_cancelled_.load()) engine_.cancel(id);
}

// Either this sees the id, or set_id() sees the flag.
void Generation::cancel() {
  is_cancelled_.store(true);
  if (const engine::RequestId id = id_.load(); id != 0) engine_.cancel(id);
}

void Generation::on_finish(const engine::Finish& finish) {
  stream_.on_finish(finish);
  receiver_->on_end(outcome());
}

Result<Outcome> Generation::outcome() const {
  auto outcome = stream_.outcome();
  if (outcome) outcome->seed = seed_;
  return outcome;
}

Result<Outcome> generate(engine::Engine& engine, const text::Tokenizer& tokenizer, engine::Request request,
                         OutputOptions output, EventReceiver& receiver, const std::atomic<bool>& interrupted) {
  const std::shared_ptr<EventReceiver> borrowed(std::shared_ptr<void>(), &receiver);
  HEARTH_TRY(generations, Generation::start(engine, tokenizer, std::move(request), output, {&borrowed, 1}));
  const auto& generation = generations[0];
  while (!generation->finished()) {
    if (interrupted.load(std::memory_order_relaxed)) generation->cancel();
    const bool worked = engine.step();
    HEARTH_CHECK(worked || generation->finished(), "the engine is idle and a request has not finished");
  }
  return generation->outcome();
}

}  // namespace hearth::service
