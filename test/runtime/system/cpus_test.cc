#include "runtime/system/cpus.h"

#include <doctest/doctest.h>
#include <sched.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "test/support/temp_directory.h"

namespace mlp {
namespace {

using test::TempDirectory;

TEST_SUITE("runtime/system") {
  TEST_CASE("cgroup_cpu_quota: made-up trees of both versions") {
    struct Case {
      std::string name;
      std::vector<std::pair<std::string, std::string>> files;
      std::optional<std::size_t> cpus;
    };
    const std::string self = "proc/self/cgroup";
    const std::string top = "sys/fs/cgroup/";
    const std::vector<Case> cases = {
        {"no control groups", {}, std::nullopt},
        {"2: no limit", {{self, "0::/\n"}, {top + "cpu.max", "max 100000\n"}}, std::nullopt},
        {"2: one CPU", {{self, "0::/\n"}, {top + "cpu.max", "100000 100000\n"}}, 1},
        {"2: a half is one", {{self, "0::/\n"}, {top + "cpu.max", "50000 100000\n"}}, 1},
        {"2: one and a half are two", {{self, "0::/\n"}, {top + "cpu.max", "150000 100000\n"}}, 2},
        {"2: exactly two", {{self, "0::/\n"}, {top + "cpu.max", "200000 100000\n"}}, 2},
        {"2: the host's own group",
         {{self, "0::/a/b\n"}, {top + "a/b/cpu.max", "300000 100000\n"}},
         3},
        {"2: a parent that is tighter",
         {{self, "0::/a/b\n"},
          {top + "a/cpu.max", "200000 100000\n"},
          {top + "a/b/cpu.max", "300000 100000\n"}},
         2},
        {"2: the path of the host, the mount of the container",
         {{self, "0::/docker/77\n"}, {top + "cpu.max", "100000 100000\n"}},
         1},
        {"2: a path out of the mount",
         {{self, "0::/../other\n"},
          {top + "cpu.max", "max 100000\n"},
          {"sys/fs/other/cpu.max", "100000 100000\n"}},
         std::nullopt},
        {"1: no limit",
         {{self, "3:cpu,cpuacct:/\n"},
          {top + "cpu,cpuacct/cpu.cfs_quota_us", "-1\n"},
          {top + "cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
         std::nullopt},
        {"1: one and a bit are two, under the joined name",
         {{self, "4:memory:/x\n3:cpu,cpuacct:/\n1:name=systemd:/\n"},
          {top + "cpu,cpuacct/cpu.cfs_quota_us", "100001\n"},
          {top + "cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
         2},
        {"1: the path of the host, the mount of the container, under the short name",
         {{self, "3:cpuacct,cpu:/docker/77\n0::/\n"},
          {top + "cpu/cpu.cfs_quota_us", "250000\n"},
          {top + "cpu/cpu.cfs_period_us", "50000\n"}},
         5},
        {"1: another controller's quota says nothing",
         {{self, "3:cpuset:/\n"},
          {top + "cpu/cpu.cfs_quota_us", "100000\n"},
          {top + "cpu/cpu.cfs_period_us", "100000\n"}},
         std::nullopt},
        {"nonsense", {{self, "0::/\n"}, {top + "cpu.max", "x\n"}}, std::nullopt},
    };
    for (const Case& c : cases) {
      CAPTURE(c.name);
      const TempDirectory root;
      for (const auto& [name, text] : c.files) root.write(name, text);
      CHECK(cgroup_cpu_quota(root.path()) == c.cpus);
    }
  }

  TEST_CASE("available_cpus: at least one, and one for a process pinned to one") {
    CHECK(available_cpus() >= 1);
    cpu_set_t before;
    REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
    int first = 0;
    while (!CPU_ISSET(static_cast<std::size_t>(first), &before)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(first), &one);
    REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(available_cpus() == 1);
    REQUIRE(::sched_setaffinity(0, sizeof before, &before) == 0);
  }
}

}  // namespace
}  // namespace mlp
