// Limits of control groups, read from file trees as kernels show them.
#include "base/cgroup.h"

#include <gtest/gtest.h>

#include "base/test_folder.h"

namespace hearth {
namespace {

class Tree : public ::testing::Test {
 protected:
  void file(const std::string& path, const std::string& text) { folder_.write(path, text + '\n'); }
  CgroupLimits limits() const { return cgroup_limits(folder_.path()); }

 private:
  const testing::TestFolder folder_;
};

TEST_F(Tree, NothingMountedIsNoLimit) {
  EXPECT_FALSE(limits().cpus);
  EXPECT_FALSE(limits().memory_bytes);
}

TEST_F(Tree, VersionTwoTakesTheTightestUpToTheRoot) {
  file("proc/self/cgroup", "0::/a/b");
  file("sys/fs/cgroup/a/b/cpu.max", "max 100000");
  file("sys/fs/cgroup/a/cpu.max", "250000 100000");
  file("sys/fs/cgroup/a/b/memory.max", "4096000");
  file("sys/fs/cgroup/a/b/memory.current", "96000");
  file("sys/fs/cgroup/a/memory.max", "max");
  EXPECT_EQ(limits().cpus, 2.5);
  EXPECT_EQ(limits().memory_bytes, 4096000u);
  EXPECT_EQ(limits().memory_left_bytes, 4000000u);
}

TEST_F(Tree, WhatIsKeptOfFilesIsNotTaken) {
  file("proc/self/cgroup", "0::/box\n4:memory:/box");
  file("sys/fs/cgroup/box/memory.max", "32000");
  file("sys/fs/cgroup/box/memory.current", "30000");
  file("sys/fs/cgroup/box/memory.stat", "anon 9000\nfile 20000\nactive_file 5000\ninactive_file 14000\nslab 1000");
  EXPECT_EQ(limits().memory_left_bytes, 21000u);
  file("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "20000");
  file("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "19000");
  file("sys/fs/cgroup/memory/box/memory.stat", "inactive_file 1\ntotal_active_file 4000\ntotal_inactive_file 5000");
  EXPECT_EQ(limits().memory_left_bytes, 10000u);
}

TEST_F(Tree, VersionTwoInANamespaceIsTheRoot) {
  file("proc/self/cgroup", "0::/");
  file("sys/fs/cgroup/cpu.max", "50000 100000");
  EXPECT_EQ(limits().cpus, 0.5);
}

TEST_F(Tree, VersionOneHasAFolderPerController) {
  file("proc/self/cgroup", "4:memory:/box\n2:cpu,cpuacct:/box\n1:name=systemd:/");
  file("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "300000");
  file("sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000");
  file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1");
  file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  file("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "1073741824");
  file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_EQ(limits().cpus, 3);
  EXPECT_EQ(limits().memory_bytes, 1073741824u);
}

// A container may name its group by the host's path while only the group itself is mounted.
TEST_F(Tree, VersionOneFallsBackToTheMount) {
  file("proc/self/cgroup", "2:cpu,cpuacct:/docker/0123");
  file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000");
  file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(limits().cpus, 1.5);
}

TEST_F(Tree, MixedVersionsAreBothRead) {
  file("proc/self/cgroup", "3:memory:/\n0::/x");
  file("sys/fs/cgroup/unified/x/cpu.max", "100000 100000");
  file("sys/fs/cgroup/memory/memory.limit_in_bytes", "2048");
  EXPECT_EQ(limits().cpus, 1);
  EXPECT_EQ(limits().memory_bytes, 2048u);
}

}  // namespace
}  // namespace hearth
