#include "service/memory_plan.h"

#include <algorithm>

namespace hearth::service {

MemoryPlan memory_of(const LoadedModel& loaded, uint32_t rows, uint32_t logit_rows) {
  return {.weights = loaded.model().weight_bytes(),
          .cache = loaded.engine().kv_bytes(),
          .step = model::step_bytes(loaded.model().plan(), rows, logit_rows),
          .context = loaded.engine().context()};
}

Result<MemoryPlan> plan_memory(const checkpoint::Checkpoint& files, const ModelOptions& options,
                               engine::EngineOptions engine_options) {
  HEARTH_TRY(plan, model::read_plan(files, options.context));
  ModelOptions quiet = options;
  quiet.threads = 1;  // nothing is computed
  quiet.tuned = false;
  HEARTH_TRY(backend, make_backend(quiet));
  MemoryPlan memory;
  HEARTH_TRY(weights, model::weight_bytes(files, *backend, options.context));
  memory.weights = weights;
  HEARTH_TRY(complete, with_model_options(engine_options, options));
  engine_options = std::move(complete);
  HEARTH_TRY(cache, engine::plan_memory(model::state_shape_of(plan), engine_options, plan.context));
  memory.cache = cache.bytes;
  memory.context = cache.context;
  const uint32_t rows = std::min(cache.context, engine_options.prefill_chunk);
  memory.step = model::step_bytes(plan, rows, engine_options.max_sequences);
  return memory;
}

}  // namespace hearth::service
