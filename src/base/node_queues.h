#pragma once
// Chunks of work that belong to memory nodes, handed to the workers of those nodes first.
#include <atomic>
#include <optional>
#include <vector>

#include "base/topology.h"

namespace hearth {

class NodeQueues {
 public:
  // node_of_chunk[c] < placement.nodes
  NodeQueues(const Placement& placement, const std::vector<uint32_t>& node_of_chunk)
      : placement_(placement), chunks_(placement.nodes), next_(placement.nodes) {
    assign(node_of_chunk);
  }

  // Begins anew with these chunks, in the memory of those before. Not while anybody takes chunks.
  void assign(const std::vector<uint32_t>& node_of_chunk) {
    for (uint32_t node = 0; node < placement_.nodes; ++node) {
      chunks_[node].clear();
      next_[node].store(0, std::memory_order_relaxed);
    }
    for (size_t c = 0; c < node_of_chunk.size(); ++c) chunks_[node_of_chunk[c]].push_back(c);
  }

  // The next chunk of the worker's own node, in order; nothing when they are all taken. Any thread.
  std::optional<size_t> own(unsigned worker) { return take(placement_.node_of_worker[worker]); }

  // The same, and then those of other nodes: slower to reach, better than waiting.
  std::optional<size_t> any(unsigned worker) {
    const uint32_t home = placement_.node_of_worker[worker];
    for (uint32_t i = 0; i < placement_.nodes; ++i)
      if (auto chunk = take((home + i) % placement_.nodes)) return chunk;
    return {};
  }

 private:
  std::optional<size_t> take(uint32_t node) {
    if (next_[node].load(std::memory_order_relaxed) >= chunks_[node].size()) return {};
    const size_t i = next_[node].fetch_add(1, std::memory_order_relaxed);
    return i < chunks_[node].size() ? std::optional(chunks_[node][i]) : std::nullopt;
  }

  const Placement& placement_;
  std::vector<std::vector<size_t>> chunks_;  // [node]
  std::vector<std::atomic<size_t>> next_;    // [node]
};

}  // namespace hearth
