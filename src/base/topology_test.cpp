// Memory nodes: machines that hwloc makes up, and who works where on them.
#include "base/topology.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/node_queues.h"
#include "base/thread_pool.h"

namespace hearth {
namespace {

TEST(Topology, ReadsMadeUpMachines) {
  const Topology machine = synthetic_topology("numa:2 core:4 pu:1");
  ASSERT_EQ(machine.nodes.size(), 2u);
  EXPECT_EQ(machine.nodes[0], (std::vector<unsigned>{0, 1, 2, 3}));
  EXPECT_EQ(machine.nodes[1], (std::vector<unsigned>{4, 5, 6, 7}));
  EXPECT_TRUE(synthetic_topology("no such machine").nodes.empty());
}

TEST(Topology, ThisMachineHasProcessors) {
  const Topology machine = machine_topology();
  ASSERT_FALSE(machine.nodes.empty());
  for (const auto& node : machine.nodes) EXPECT_FALSE(node.empty());
}

TEST(Placement, OneNodeChangesNothing) {
  const Placement placement = place_workers(synthetic_topology("numa:1 core:4 pu:1"), 3);
  EXPECT_EQ(placement.nodes, 1u);
  EXPECT_EQ(placement.node_of_worker, (std::vector<uint32_t>{0, 0, 0}));
  for (size_t i = 0; i < 100; ++i) EXPECT_EQ(placement.node_of(i, 100), 0u);
}

TEST(Placement, TwoNodesShareWorkersAndPanels) {
  const Placement placement = place_workers(synthetic_topology("numa:2 core:4 pu:1"), 8);
  EXPECT_EQ(placement.node_of_worker, (std::vector<uint32_t>{0, 0, 0, 0, 1, 1, 1, 1}));
  EXPECT_EQ(placement.node_of(0, 10), 0u);
  EXPECT_EQ(placement.node_of(4, 10), 0u);
  EXPECT_EQ(placement.node_of(5, 10), 1u);
  EXPECT_EQ(placement.node_of(9, 10), 1u);
}

// For every machine and number of threads: every node has a worker or there is one node; panels lie in runs, in proportion
// to the workers who read them.
TEST(Placement, IsFairOnEveryMachine) {
  for (const char* description : {"numa:2 core:2 pu:1", "numa:2 core:4 pu:2", "numa:4 core:3 pu:1", "numa:3 core:1 pu:1"}) {
    const Topology machine = synthetic_topology(description);
    for (unsigned threads = 1; threads <= 16; ++threads) {
      const Placement placement = place_workers(machine, threads);
      std::vector<size_t> workers(placement.nodes), panels(placement.nodes);
      for (const uint32_t node : placement.node_of_worker) ++workers[node];
      EXPECT_TRUE(std::ranges::all_of(workers, [](size_t n) { return n > 0; })) << description << " " << threads;
      EXPECT_TRUE(std::ranges::is_sorted(placement.node_of_worker));
      constexpr size_t kPanels = 1000;
      uint32_t last = 0;
      for (size_t p = 0; p < kPanels; ++p) {
        const uint32_t node = placement.node_of(p, kPanels);
        EXPECT_GE(node, last);
        ++panels[last = node];
      }
      for (uint32_t n = 0; n < placement.nodes; ++n)
        EXPECT_NEAR(static_cast<double>(panels[n]), static_cast<double>(kPanels * workers[n]) / threads, 1);
    }
  }
}

TEST(Placement, UnequalNodesAllGetAWorker) {
  const Topology machine{.nodes = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {10}}};
  const Placement placement = place_workers(machine, 2);
  EXPECT_EQ(placement.node_of_worker, (std::vector<uint32_t>{0, 1}));
}

TEST(NodeQueues, OwnChunksStayHome) {
  const Placement placement = place_workers(synthetic_topology("numa:2 core:1 pu:1"), 2);
  NodeQueues queues(placement, {0, 1, 1, 0, 1});
  EXPECT_EQ(queues.own(0), 0u);
  EXPECT_EQ(queues.own(0), 3u);
  EXPECT_FALSE(queues.own(0));
  EXPECT_EQ(queues.any(0), 1u);  // its own are done: it helps
  EXPECT_EQ(queues.own(1), 2u);
  EXPECT_EQ(queues.any(1), 4u);
  EXPECT_FALSE(queues.any(0));
  EXPECT_FALSE(queues.any(1));
  queues.assign({1});
  EXPECT_FALSE(queues.own(0));
  EXPECT_EQ(queues.any(0), 0u);
  EXPECT_FALSE(queues.any(1));
}

TEST(NodeQueues, EveryChunkIsTakenOnce) {
  const Placement placement = place_workers(synthetic_topology("numa:2 core:2 pu:1"), 4);
  std::vector<uint32_t> nodes;
  for (size_t c = 0; c < 5000; ++c) nodes.push_back(placement.node_of(c, 5000));
  NodeQueues queues(placement, nodes);
  std::vector<std::atomic<int>> taken(nodes.size());
  ThreadPool pool(4);
  pool.parallel(4, [&](size_t, unsigned worker) {
    while (const auto chunk = queues.any(worker)) ++taken[*chunk];
  });
  EXPECT_TRUE(std::ranges::all_of(taken, [](const auto& n) { return n == 1; }));
}

TEST(ThreadPool, AtStartRunsOncePerOwnThread) {
  std::vector<std::atomic<int>> started(4);
  {
    ThreadPool pool(4, nullptr, [&](unsigned worker) { ++started[worker]; });
    pool.parallel(64, [](size_t, unsigned) {});
  }
  EXPECT_EQ(started[0], 0);  // the caller's
  for (unsigned w = 1; w < 4; ++w) EXPECT_EQ(started[w], 1);
}

}  // namespace
}  // namespace hearth
