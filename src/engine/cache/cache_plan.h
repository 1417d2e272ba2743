#pragma once
// How much cache an engine reserves: how many tokens a sequence may reach, and how many pages each window group gets.
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "engine/cache/cache.h"
#include "engine/cache/page_pool.h"
#include "engine/engine.h"

namespace hearth::engine {

struct CachePlan {
  uint32_t context = 0;
  std::vector<CacheGroup> groups;
  uint32_t snapshots = 0, swap_slots = 0;  // slots beyond those of running sequences
  uint64_t bytes = 0;                      // pages and slots, without swap memory
};

// `model_context`: what the model was made for; 0 if unknown. Whatever fits is enough for one sequence of `context` tokens.
// Errors: kInvalidArgument for an option out of its range, kDoesNotFit with the bytes needed and given.
Result<CachePlan> plan_cache(const model::StateShape& shape, const PageLayout& layout, const EngineOptions& options,
                             uint32_t model_context);

}  // namespace hearth::engine
