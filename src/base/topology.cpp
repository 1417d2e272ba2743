#include "base/topology.h"

#include <hwloc.h>
#include <sched.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/cpu_info.h"

namespace hearth {

namespace {

// hwloc takes tens of milliseconds to look at a machine: most have one node, which a folder tells at once.
bool has_several_nodes() {
  std::error_code ignored;
  return std::filesystem::exists("/sys/devices/system/node/node1", ignored);
}

template <class Keep>
Topology nodes_of(hwloc_topology_t machine, Keep keep) {
  Topology topology;
  for (hwloc_obj_t node = nullptr; (node = hwloc_get_next_obj_by_type(machine, HWLOC_OBJ_NUMANODE, node)) != nullptr;) {
    std::vector<unsigned> cpus;
    for (int cpu = hwloc_bitmap_first(node->cpuset); cpu >= 0; cpu = hwloc_bitmap_next(node->cpuset, cpu))
      if (keep(static_cast<unsigned>(cpu))) cpus.push_back(static_cast<unsigned>(cpu));
    if (!cpus.empty()) topology.nodes.push_back(std::move(cpus));
  }
  return topology;
}

}  // namespace

Topology machine_topology() {
  const std::vector<unsigned> allowed = allowed_cpus();
  Topology topology;
  hwloc_topology_t machine;
  if (has_several_nodes() && hwloc_topology_init(&machine) == 0) {
    if (hwloc_topology_load(machine) == 0)
      topology = nodes_of(machine, [&](unsigned cpu) { return std::ranges::binary_search(allowed, cpu); });
    hwloc_topology_destroy(machine);
  }
  if (topology.nodes.empty()) topology.nodes.push_back(allowed);
  return topology;
}

Topology synthetic_topology(const std::string& description) {
  Topology topology;
  hwloc_topology_t machine;
  if (hwloc_topology_init(&machine) != 0) return topology;
  if (hwloc_topology_set_synthetic(machine, description.c_str()) == 0 && hwloc_topology_load(machine) == 0)
    topology = nodes_of(machine, [](unsigned) { return true; });
  hwloc_topology_destroy(machine);
  return topology;
}

Placement place_workers(const Topology& topology, unsigned threads) {
  Placement placement{.node_of_worker = std::vector<uint32_t>(std::max(1u, threads), 0)};
  size_t processors = 0;
  for (const auto& node : topology.nodes) processors += node.size();
  if (processors == 0 || threads < topology.nodes.size()) return placement;  // a node without a worker would be read from afar
  placement.nodes = static_cast<uint32_t>(topology.nodes.size());
  // Worker w stands where the middle of its share of all processors stands; every node gets one at least.
  for (unsigned w = 0; w < threads; ++w) {
    const size_t processor = (2 * size_t{w} + 1) * processors / (2 * size_t{threads});
    size_t node = 0, end = topology.nodes[0].size();
    while (processor >= end) end += topology.nodes[++node].size();
    placement.node_of_worker[w] = static_cast<uint32_t>(node);
  }
  std::vector<bool> used(placement.nodes, false);
  for (const uint32_t node : placement.node_of_worker) used[node] = true;
  if (!std::ranges::all_of(used, [](bool u) { return u; }))  // very unequal nodes: evenly then
    for (unsigned w = 0; w < threads; ++w) placement.node_of_worker[w] = w * placement.nodes / threads;
  return placement;
}

uint32_t Placement::node_of(size_t i, size_t count) const {
  return nodes == 1 ? 0 : node_of_worker[i * node_of_worker.size() / count];
}

void bind_to_node(const Topology& topology, uint32_t node) {
  const std::vector<unsigned>& cpus = topology.nodes[node];
  std::vector<cpu_set_t> mask(std::ranges::max(cpus) / CPU_SETSIZE + 1);
  const size_t bytes = mask.size() * sizeof(cpu_set_t);
  for (const unsigned cpu : cpus) CPU_SET_S(cpu, bytes, mask.data());
  ::sched_setaffinity(0, bytes, mask.data());
}

}  // namespace hearth
