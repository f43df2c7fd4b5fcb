#include "model/team.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace mlp {

TEST_SUITE("model") {
  TEST_CASE(
      "Team: each index is worked on once a round, and sees what all wrote in the one before") {
    for (const std::size_t workers : {std::size_t{1}, std::size_t{2}, std::size_t{5}}) {
      for (const std::size_t count : {std::size_t{2}, std::size_t{5}, std::size_t{100}}) {
        Team team(workers);
        CHECK(team.workers() == workers);
        std::vector<int> values(count);
        std::vector<int> seen(count);
        bool complete = true;
        for (int round = 0; round < 1000; ++round) {
          team.for_each(count, [&](std::size_t, std::size_t index) {
            seen[index] = 0;
            for (const int value : values) seen[index] += value;
          });
          for (const int sum : seen) complete = complete && sum == round * static_cast<int>(count);
          team.for_each(count, [&](std::size_t, std::size_t index) { ++values[index]; });
        }
        CHECK(complete);
      }
    }
  }

  TEST_CASE("Team: calls of one worker never overlap") {
    Team team(4);
    std::vector<std::atomic<int>> busy(4);
    std::atomic<bool> overlapped{false};
    for (int round = 0; round < 200; ++round) {
      team.for_each(50, [&](std::size_t worker, std::size_t) {
        if (++busy[worker] != 1) overlapped = true;
        --busy[worker];
      });
    }
    CHECK_FALSE(overlapped);
  }

  TEST_CASE("Team: the pieces of a worker that is kept busy are taken by others") {
    Team team(2);
    std::atomic<bool> release{false};
    std::atomic<int> done{0};
    // Index 0 ends only once the three others are done, whoever began with it.
    team.for_each(4, [&](std::size_t, std::size_t index) {
      if (index == 0) {
        while (done < 3) std::this_thread::yield();
        release = true;
      } else {
        ++done;
      }
    });
    CHECK(release);
  }

  TEST_CASE("Team: a worker that slept between rounds wakes up") {
    Team team(2);
    for (int round = 0; round < 3; ++round) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      std::atomic<int> both{0};
      const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      team.for_each(2, [&](std::size_t, std::size_t) {
        ++both;
        while (both < 2 && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
      });
      CHECK(std::chrono::steady_clock::now() < limit);
    }
  }

  TEST_CASE("Team: a single index is the caller's own") {
    Team team(3);
    std::thread::id id;
    team.for_each(1, [&](std::size_t worker, std::size_t) {
      CHECK(worker == 0);
      id = std::this_thread::get_id();
    });
    CHECK(id == std::this_thread::get_id());
    team.for_each(0, [&](std::size_t, std::size_t) { FAIL("nothing to do"); });
  }

  TEST_CASE("Team: an exception reaches the caller, and the team goes on") {
    Team team(3);
    const auto fail = [](std::size_t, std::size_t index) {
      if (index == 7) throw std::runtime_error("index 7");
    };
    CHECK_THROWS_WITH(team.for_each(20, fail), "index 7");
    std::atomic<int> runs{0};
    team.for_each(20, [&](std::size_t, std::size_t) { ++runs; });
    CHECK(runs == 20);
  }
}

}  // namespace mlp
