#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace mlp {

// Resident workers that share out pieces of work, the calling thread being worker 0. A wait spins
// briefly, then yields the CPU, then sleeps: on idle cores a round trip costs well under a
// microsecond. A worker that a busy neighbour keeps from its CPU is not waited for: the others take
// the pieces that it has not begun. Every worker is readied for arithmetic
// (kernels::prepare_thread()), the caller's thread included.
//
// One thread at a time may call for_each(), the one that made the team.
class Team {
 public:
  // At least 1, the caller. There are fewer than `workers` where the system grants no more threads.
  explicit Team(std::size_t workers);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  std::size_t workers() const { return threads_.size() + 1; }

  // Calls work(worker, index) once for each index in 0..count-1, on whichever workers are free, and
  // returns when all is done: what was written is then visible to the caller, and to all calls of
  // the next round. No two calls with the same `worker` overlap. Worker w begins with the indices
  // w, w + workers(), ..., so that in a loop of rounds their data stay in its cache. One index
  // alone is the caller's own and wakes nobody. The first exception of the lowest worker is thrown
  // again here.
  template <typename Work>
  void for_each(std::size_t count, Work&& work) {
    using Function = std::remove_reference_t<Work>;
    if (count == 1) {
      work(std::size_t{0}, std::size_t{0});
    } else if (count > 1) {
      run({[](void* context, std::size_t worker, std::size_t index) {
             (*static_cast<Function*>(context))(worker, index);
           },
           const_cast<void*>(static_cast<const void*>(&work)), count});
    }
  }

 private:
  struct Job {
    void (*function)(void* context, std::size_t worker, std::size_t index) = nullptr;
    void* context = nullptr;
    std::size_t count = 0;
  };

  // A part is every parts-th index. Who sets `round` to the current one has claimed it.
  struct alignas(64) Part {
    std::atomic<std::uint64_t> round{0};
  };

  void run(Job job);
  void work_loop(std::size_t worker);
  void work_on(std::size_t worker, std::uint64_t round, std::size_t parts);
  bool claim(std::size_t part, std::uint64_t round);

  std::vector<std::thread> threads_;
  std::vector<std::exception_ptr> errors_;
  std::vector<Part> parts_;
  Job job_;
  std::uint64_t round_ = 0;
  // The round's number and how many parts it has, in one word, so that a worker that comes late
  // can't mix up two rounds; no parts: the end.
  alignas(64) std::atomic<std::uint64_t> announced_{0};
  alignas(64) std::atomic<std::uint32_t> unfinished_{0};
};

}  // namespace mlp
