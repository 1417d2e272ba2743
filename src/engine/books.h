#pragma once
// Who owns which pages and who is next. Begun anew in the same place, so that references to both stay valid.
#include <optional>
#include <utility>

#include "engine/cache/cache.h"
#include "engine/scheduler.h"

namespace hearth::engine {

// For the thread that steps alone.
class Books {
 public:
  Books(CacheOptions cache, const SchedulerOptions& scheduler) : cache_options_(std::move(cache)), scheduler_options_(scheduler) { begin(); }

  // Forgets all sequences and pages, as after the constructor.
  void begin() {
    cache_.emplace(cache_options_);
    scheduler_.emplace(*cache_, scheduler_options_);
  }
  Cache& cache() { return *cache_; }
  Scheduler& scheduler() { return *scheduler_; }

 private:
  const CacheOptions cache_options_;
  const SchedulerOptions scheduler_options_;
  std::optional<Cache> cache_;
  std::optional<Scheduler> scheduler_;
};

}  // namespace hearth::engine
