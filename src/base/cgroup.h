#pragma once
// What the control groups of this process allow: the tightest limit from its own group up to the root, versions 1 and 2.
#include <cstdint>
#include <optional>
#include <string>

namespace hearth {

struct CgroupLimits {
  std::optional<double> cpus;            // quota over period
  std::optional<uint64_t> memory_bytes;
  std::optional<uint64_t> memory_left_bytes;  // the least that a group may still take, now
};

// `root` is put before /proc/self/cgroup and /sys/fs/cgroup: tests bring file trees of their own. Absent files and "max"
// are no limit. Containers that see their group as the root, and those that see a path that is not mounted, both work.
CgroupLimits cgroup_limits(const std::string& root = "");

}  // namespace hearth
