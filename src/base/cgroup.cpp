#include "base/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace hearth {

namespace {

// The leading numbers of a one-line file; stops at the first word that is none ("max").
std::vector<double> numbers_in(const std::string& path) {
  std::ifstream file(path);
  std::vector<double> numbers;
  for (double value; file >> value;) numbers.push_back(value);
  return numbers;
}

template <class T>
void tighten(std::optional<T>& limit, T value) {
  limit = limit ? std::min(*limit, value) : value;
}

// What the kernel keeps of files for a group and gives up before anything else runs out.
double reclaimable_bytes(const std::string& folder, const std::string& prefix) {
  double bytes = 0, number = 0;
  std::ifstream file(folder + "/memory.stat");
  for (std::string word; file >> word >> number;)
    if (word == prefix + "active_file" || word == prefix + "inactive_file") bytes += number;
  return bytes;
}

// One group's own limits. A quota of -1 (version 1) and numbers near 2^63 (its "no limit") are none.
void read_group(const std::string& folder, CgroupLimits& limits) {
  constexpr double kUnlimited = 1e18;
  if (const auto v2 = numbers_in(folder + "/cpu.max"); v2.size() == 2 && v2[1] > 0) tighten(limits.cpus, v2[0] / v2[1]);
  const auto quota = numbers_in(folder + "/cpu.cfs_quota_us"), period = numbers_in(folder + "/cpu.cfs_period_us");
  if (!quota.empty() && quota[0] > 0 && !period.empty() && period[0] > 0) tighten(limits.cpus, quota[0] / period[0]);
  constexpr std::tuple<const char*, const char*, const char*> kMemory[] = {
      {"/memory.max", "/memory.current", ""}, {"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_"}};
  for (const auto& [limit, usage, prefix] : kMemory) {
    const auto bytes = numbers_in(folder + limit), used = numbers_in(folder + usage);
    if (bytes.empty() || bytes[0] >= kUnlimited) continue;
    tighten(limits.memory_bytes, static_cast<uint64_t>(bytes[0]));
    if (used.empty()) continue;
    const double taken = std::max(0.0, used[0] - reclaimable_bytes(folder, prefix));
    tighten(limits.memory_left_bytes, static_cast<uint64_t>(std::max(0.0, bytes[0] - taken)));
  }
}

void read_up_to_root(const std::string& mount, std::string path, CgroupLimits& limits) {
  while (true) {
    read_group(mount + path, limits);
    if (path.empty()) return;
    path.resize(path.find_last_of('/'));
  }
}

}  // namespace

CgroupLimits cgroup_limits(const std::string& root) {
  CgroupLimits limits;
  const std::string mounts = root + "/sys/fs/cgroup";
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "4:cpu,cpuacct:/some/path"; version 2 names no controllers
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::istringstream controllers(line.substr(first + 1, second - first - 1));
    std::string path = line.substr(second + 1);
    if (path == "/" || !path.starts_with('/')) path.clear();
    if (second == first + 1) {
      read_up_to_root(mounts, path, limits);
      read_up_to_root(mounts + "/unified", path, limits);
    }
    for (std::string controller; std::getline(controllers, controller, ',');)
      if (controller == "cpu" || controller == "memory") read_up_to_root(mounts + "/" + controller, path, limits);
  }
  return limits;
}

}  // namespace hearth
