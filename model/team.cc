#include "model/team.h"

#include <immintrin.h>

#include <algorithm>
#include <system_error>

#include "model/kernels/engine.h"

namespace mlp {
namespace {

constexpr int kSpins = 1000;  // pauses: some ten microseconds
constexpr int kYields = 100;
constexpr std::size_t kPartsPerWorker = 8;  // of long lists, so that a late worker costs little
constexpr unsigned kPartsBits = 16;
constexpr std::uint64_t kPartsMask = (std::uint64_t{1} << kPartsBits) - 1;

// Waits until `ready(value)` holds for the atomic's value, and gives that.
template <typename Value, typename Ready>
Value wait_until(const std::atomic<Value>& atomic, Ready ready) {
  Value value = atomic.load(std::memory_order_acquire);
  for (int i = 0; i < kSpins && !ready(value); ++i) {
    _mm_pause();
    value = atomic.load(std::memory_order_acquire);
  }
  for (int i = 0; i < kYields && !ready(value); ++i) {
    std::this_thread::yield();
    value = atomic.load(std::memory_order_acquire);
  }
  while (!ready(value)) {
    atomic.wait(value, std::memory_order_acquire);
    value = atomic.load(std::memory_order_acquire);
  }
  return value;
}

}  // namespace

Team::Team(std::size_t workers)
    : errors_(workers), parts_(std::min(workers * kPartsPerWorker, std::size_t{kPartsMask})) {
  kernels::prepare_thread();
  threads_.reserve(workers - 1);
  for (std::size_t worker = 1; worker < workers; ++worker) {
    try {
      threads_.emplace_back([this, worker] { work_loop(worker); });
    } catch (const std::system_error&) {
      break;  // a limit on threads: those that are there do the work
    }
  }
}

Team::~Team() {
  announced_.store(++round_ << kPartsBits, std::memory_order_release);
  announced_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::run(Job job) {
  job_ = job;
  const std::size_t parts = std::min(job.count, parts_.size());
  unfinished_.store(static_cast<std::uint32_t>(parts), std::memory_order_relaxed);
  announced_.store(++round_ << kPartsBits | parts, std::memory_order_release);
  announced_.notify_all();
  work_on(0, round_, parts);
  wait_until(unfinished_, [](std::uint32_t unfinished) { return unfinished == 0; });
  const auto failed =
      std::find_if(errors_.begin(), errors_.end(),
                   [](const std::exception_ptr& error) { return error != nullptr; });
  if (failed == errors_.end()) return;
  const std::exception_ptr first = *failed;
  std::fill(errors_.begin(), errors_.end(), nullptr);
  std::rethrow_exception(first);
}

void Team::work_loop(std::size_t worker) {
  kernels::prepare_thread();
  std::uint64_t seen = 0;
  while (true) {
    seen = wait_until(announced_, [seen](std::uint64_t word) { return word != seen; });
    const std::size_t parts = seen & kPartsMask;
    if (parts == 0) return;
    work_on(worker, seen >> kPartsBits, parts);
  }
}

// A part is claimed once a round. A worker that comes when the round is over finds every part of it
// claimed, and those of a later round bear a higher number: it touches nothing.
bool Team::claim(std::size_t part, std::uint64_t round) {
  std::atomic<std::uint64_t>& claimed = parts_[part].round;
  std::uint64_t last = claimed.load(std::memory_order_relaxed);
  return last < round && claimed.compare_exchange_strong(last, round, std::memory_order_acq_rel);
}

void Team::work_on(std::size_t worker, std::uint64_t round, std::size_t parts) {
  const auto work_on_part = [&](std::size_t part) {
    if (!claim(part, round)) return;
    try {
      for (std::size_t index = part; index < job_.count; index += parts) {
        job_.function(job_.context, worker, index);
      }
    } catch (...) {
      if (!errors_[worker]) errors_[worker] = std::current_exception();
    }
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
  };
  for (std::size_t part = worker; part < parts; part += workers()) work_on_part(part);
  for (std::size_t part = 0; part < parts; ++part) work_on_part(part);
}

}  // namespace mlp
