#pragma once
// What a model is going to take, from its headers alone or once it is loaded.
#include <cstdint>

#include "base/result.h"
#include "checkpoint/checkpoint.h"
#include "engine/engine.h"
#include "service/loaded_model.h"

namespace hearth::service {

// Bytes. Pages of the cache become resident as tokens fill them; everything else from the first answer on.
struct MemoryPlan {
  uint64_t weights = 0;  // packed
  uint64_t cache = 0;    // keys, values and recurrent states of `context` tokens
  uint64_t step = 0;     // activations of the largest step
  uint32_t context = 0;  // tokens a sequence may reach

  uint64_t total() const { return weights + cache + step; }
};

// The same of a model that is loaded, for a largest step of so many rows, logits of so many of them wanted.
MemoryPlan memory_of(const LoadedModel& loaded, uint32_t rows, uint32_t logit_rows);

// `engine_options` as LoadedModel::load takes them. Errors: as load().
Result<MemoryPlan> plan_memory(const checkpoint::Checkpoint& files, const ModelOptions& options,
                               engine::EngineOptions engine_options = {});

}  // namespace hearth::service
