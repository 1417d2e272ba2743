#pragma once
// Which processors stand beside which memory, and who works where. Machines are read through hwloc, only where the system
// shows more than one memory node; everything below machine_topology() is a pure function.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hearth {

struct Topology {
  std::vector<std::vector<unsigned>> nodes;  // processors of each memory node that this process may use; no node is empty
};

// Of this machine, within this process's affinity. One node where nothing else is known.
Topology machine_topology();

// As hwloc writes machines: "numa:2 core:4 pu:1". Errors become an empty topology.
Topology synthetic_topology(const std::string& description);

// Workers shared among nodes in proportion to their processors, one node's workers after the other's. With one node, or one
// worker, everything is on node 0.
struct Placement {
  std::vector<uint32_t> node_of_worker;
  uint32_t nodes = 1;

  // Where item `i` of `count` lies: runs of items in proportion to the nodes' workers, in node order. The same question has
  // the same answer when weights are packed and when they are read.
  uint32_t node_of(size_t i, size_t count) const;
};
Placement place_workers(const Topology& topology, unsigned threads);

// Binds the calling thread to the processors of a node; without effect where the system refuses.
void bind_to_node(const Topology& topology, uint32_t node);

}  // namespace hearth
