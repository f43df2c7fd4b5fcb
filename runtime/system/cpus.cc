#include "runtime/system/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace mlp {
namespace {

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

// The CPUs in the affinity mask, or all where the system does not say.
std::size_t affinity_cpus() {
  // The kernel refuses, with EINVAL, a mask that is smaller than its own.
  for (std::size_t capacity = 1024; capacity <= std::size_t{1} << 20; capacity *= 2) {
    const std::unique_ptr<cpu_set_t, FreeCpuSet> mask(CPU_ALLOC(capacity));
    const std::size_t size_bytes = CPU_ALLOC_SIZE(capacity);
    if (mask == nullptr) break;
    if (::sched_getaffinity(0, size_bytes, mask.get()) == 0) {
      return static_cast<std::size_t>(CPU_COUNT_S(size_bytes, mask.get()));
    }
    if (errno != EINVAL) break;
  }
  return std::thread::hardware_concurrency();
}

// Quota and period in microseconds, rounded up to whole CPUs. No quota is written "max" by version
// 2 of control groups, which fails to be read as a number, and -1 by version 1.
std::optional<std::size_t> whole_cpus(std::istream&& quota_source, std::istream&& period_source) {
  std::int64_t quota = 0;
  std::int64_t period = 0;
  if (!(quota_source >> quota) || !(period_source >> period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return static_cast<std::size_t>((quota - 1) / period + 1);
}

std::optional<std::size_t> quota_of_version_2(const std::filesystem::path& group) {
  std::ifstream file(group / "cpu.max");
  std::string quota;
  std::string period;
  file >> quota >> period;
  return whole_cpus(std::istringstream(quota), std::istringstream(period));
}

std::optional<std::size_t> quota_of_version_1(const std::filesystem::path& group) {
  return whole_cpus(std::ifstream(group / "cpu.cfs_quota_us"),
                    std::ifstream(group / "cpu.cfs_period_us"));
}

// The mount and every group on the way down to `group`. Inside a container the mount shows the
// container's own group at its root, whereas `group` may be the path that the host knows: what does
// not exist has no quota. A path out of the mount ("/../x") says nothing.
std::vector<std::filesystem::path> lineage(const std::filesystem::path& mount,
                                           std::string_view group) {
  std::vector<std::filesystem::path> groups = {mount};
  for (const std::filesystem::path& part : std::filesystem::path(group).relative_path()) {
    if (part == "..") return {mount};
    groups.push_back(groups.back() / part);
  }
  return groups;
}

bool has_cpu_controller(const std::string& controllers) {
  std::istringstream names(controllers);
  for (std::string name; std::getline(names, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

}  // namespace

std::optional<std::size_t> cgroup_cpu_quota(const std::filesystem::path& root) {
  const std::filesystem::path mounts = root / "sys/fs/cgroup";
  std::optional<std::size_t> least;
  const auto take = [&least](std::optional<std::size_t> quota) {
    if (quota && (!least || *quota < *least)) least = quota;
  };
  // A line is "hierarchy:controllers:path"; version 2 has hierarchy 0 and names no controllers.
  std::ifstream groups(root / "proc/self/cgroup");
  std::string hierarchy;
  std::string controllers;
  std::string group;
  while (std::getline(groups, hierarchy, ':') && std::getline(groups, controllers, ':') &&
         std::getline(groups, group)) {
    if (controllers.empty()) {
      for (const auto& folder : lineage(mounts, group)) take(quota_of_version_2(folder));
    } else if (has_cpu_controller(controllers)) {
      for (const auto& mount : {mounts / "cpu", mounts / controllers}) {
        for (const auto& folder : lineage(mount, group)) take(quota_of_version_1(folder));
      }
    }
  }
  return least;
}

std::size_t available_cpus() {
  const std::size_t cpus = std::max<std::size_t>(affinity_cpus(), 1);
  return std::min(cpus, cgroup_cpu_quota().value_or(cpus));
}

}  // namespace mlp
