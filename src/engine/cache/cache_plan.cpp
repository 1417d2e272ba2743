#include "engine/cache/cache_plan.h"

#include <algorithm>

#include "base/cpu_info.h"
#include "engine/cache/recurrent_pool.h"

namespace hearth::engine {
namespace {

constexpr double kMiB = 1 << 20;

uint64_t divide_up(uint64_t value, uint64_t by) { return (value + by - 1) / by; }

// Groups for a cache in which unbounded layers hold `pages` pages. A windowed group needs, per sequence, its window, the
// chunk being computed, and one window more: kept, so that the next request finds the end of a finished prompt.
std::vector<CacheGroup> groups_for(const model::StateShape& shape, const EngineOptions& options, uint64_t pages) {
  std::vector<CacheGroup> groups;
  for (const uint32_t window : shape.group_windows) {
    const uint64_t live = divide_up(uint64_t{window} + options.prefill_chunk, options.page_tokens) + 2;
    const uint64_t kept = divide_up(window, options.page_tokens) + 1;
    const uint64_t most = window == 0 ? pages : std::min(pages, live);
    const uint64_t all = window == 0 ? pages : std::min(pages, options.max_sequences * (live + kept));
    groups.push_back({.window = window, .pages = static_cast<uint32_t>(all), .most_per_sequence = static_cast<uint32_t>(most)});
  }
  return groups;
}

uint64_t page_bytes(const std::vector<CacheGroup>& groups, const PageLayout& layout) {
  uint64_t bytes = 0;
  for (size_t g = 0; g < groups.size(); ++g) bytes += groups[g].pages * uint64_t{layout.page_bytes[g]};
  return bytes;
}

// As many as options say, else a few for each sequence, within kSnapshotBytes.
uint32_t snapshots_for(const model::StateShape& shape, const EngineOptions& options) {
  constexpr uint64_t kSnapshotBytes = uint64_t{256} << 20;
  if (!options.prefix_cache || shape.slots.empty()) return 0;
  if (options.snapshots != 0) return options.snapshots;
  const uint64_t paid = kSnapshotBytes / RecurrentPool::bytes_per_slot(shape);
  return static_cast<uint32_t>(std::clamp<uint64_t>(paid, 2, 8 + 2 * options.max_sequences));
}

// Swap memory holds the same share of each group's pages.
void add_swap_pages(std::vector<CacheGroup>& groups, const PageLayout& layout, uint64_t swap_bytes) {
  const uint64_t all = page_bytes(groups, layout);
  for (CacheGroup& group : groups)
    group.swap_pages = static_cast<uint32_t>(static_cast<unsigned __int128>(group.pages) * swap_bytes / std::max<uint64_t>(all, 1));
}

Result<void> check(const EngineOptions& o) {
  struct Range {
    const char* name;
    uint32_t value, low, high;
  };
  for (const Range& r : {Range{"page_tokens", o.page_tokens, 1, 1024}, Range{"prefill_chunk", o.prefill_chunk, 1, 65536},
                         Range{"max_sequences", o.max_sequences, 1, 4096}, Range{"max_waiting", o.max_waiting, 1, 1 << 20},
                         Range{"snapshots", o.snapshots, 0, 65536}, Range{"snapshot_pages", o.snapshot_pages, 0, 65536}})
    if (r.value < r.low || r.value > r.high)
      return fail(ErrorCode::kInvalidArgument, "{} is {}, it must be between {} and {}", r.name, r.value, r.low, r.high);
  if (!(o.max_itl >= 0)) return fail(ErrorCode::kInvalidArgument, "max_itl is {}, it must be 0 or more seconds", o.max_itl);
  if (o.context == 1)
    return fail(ErrorCode::kInvalidArgument, "context is 1, it must hold at least a token of a prompt and one of an answer");
  return {};
}

}  // namespace

Result<CachePlan> plan_cache(const model::StateShape& shape, const PageLayout& layout, const EngineOptions& options,
                             uint32_t model_context) {
  HEARTH_TRY_VOID(check(options));
  const uint32_t context = options.context != 0 ? options.context : model_context;
  if (context < 2) return fail(ErrorCode::kInvalidArgument, "the model does not tell its context length: give one");

  const uint32_t snapshots = snapshots_for(shape, options), swap_slots = options.swap_bytes == 0 ? 0 : options.max_sequences;
  const uint64_t slot_bytes = (uint64_t{options.max_sequences} + snapshots) * RecurrentPool::bytes_per_slot(shape);
  const auto bytes_of = [&](uint64_t pages) { return page_bytes(groups_for(shape, options, pages), layout) + slot_bytes; };
  const uint64_t wanted = divide_up(context, options.page_tokens);
  const uint64_t budget = options.kv_memory_bytes != 0 ? options.kv_memory_bytes : bytes_of(wanted);

  // A budget beyond one context lets several long sequences run at once: as many pages as it pays for.
  uint64_t pages = 0, beyond = wanted * options.max_sequences + 1;  // bytes_of(pages) <= budget, and not so for beyond
  while (beyond - pages > 1) {
    const uint64_t middle = pages + (beyond - pages) / 2;
    (bytes_of(middle) <= budget ? pages : beyond) = middle;
  }
  const uint64_t reachable = std::min<uint64_t>(context, pages * options.page_tokens);
  if (reachable < (options.context != 0 ? context : 2))
    return fail(ErrorCode::kDoesNotFit, "a context of {} tokens needs {:.1f} MiB of cache, {:.1f} MiB are granted: give more or a smaller context",
                context, bytes_of(wanted) / kMiB, budget / kMiB);
  const uint64_t needed = bytes_of(pages), machine = total_memory_bytes();
  if (needed > machine)
    return fail(ErrorCode::kDoesNotFit, "a context of {} tokens needs {:.1f} MiB of cache, this machine has {:.1f} MiB: give a smaller context",
                reachable, needed / kMiB, machine / kMiB);
  CachePlan plan{.context = static_cast<uint32_t>(reachable), .groups = groups_for(shape, options, pages), .snapshots = snapshots,
                 .swap_slots = swap_slots, .bytes = needed};
  add_swap_pages(plan.groups, layout, options.swap_bytes);
  return plan;
}

}  // namespace hearth::engine
