#include "service/generation.h"

#include "base/check.h"

namespace hearth::service {

Result<Outcome> generate(engine::Engine& engine, const text::Tokenizer& tokenizer, engine::Request request,
                         OutputOptions output, EventReceiver& receiver, const std::atomic<bool>& interrupted) {
  const uint64_t seed = request.sampling.seed;
  engine::RequestId id = 0;  // known before the first event: events come from step() only
  auto stream = std::make_shared<OutputStream>(tokenizer, std::move(output), receiver, [&] { engine.cancel(id); });
  HEARTH_TRY(submitted, engine.submit(std::move(request), stream));
  id = submitted;
  while (!stream->finished()) {
    if (interrupted.load(std::memory_order_relaxed)) engine.cancel(id);
    const bool worked = engine.step();
    HEARTH_CHECK(worked || stream->finished(), "the engine is idle and a request has not finished");
  }
  HEARTH_TRY(outcome, stream->outcome());
  outcome.seed = seed;
  return outcome;
}

}  // namespace hearth::service
