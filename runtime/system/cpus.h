#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace mlp {

// How many threads of this process can run at once: the CPUs that its affinity mask allows, at most
// as many as its control group's quota pays for. At least 1.
std::size_t available_cpus();

// The CPUs that the quota of this process's control group, or of one above it, pays for, rounded
// up; nothing where there is no quota. Understands both versions of control groups. `root` stands
// for "/": the files read are <root>/proc/self/cgroup and those below <root>/sys/fs/cgroup.
std::optional<std::size_t> cgroup_cpu_quota(const std::filesystem::path& root = "/");

}  // namespace mlp
