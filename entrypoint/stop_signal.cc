#include "entrypoint/stop_signal.h"

#include <time.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <thread>

namespace mlp {
namespace {

constexpr int kStoppedTwice = 1;  // exit code
constexpr double kNanoseconds = 1e-9;

// When the first signal came, by the monotonic clock; 0 before.
std::atomic<std::int64_t> stopped_at{0};
std::atomic<bool> ends{false};  // the thread that waits for signals
static_assert(std::atomic<std::int64_t>::is_always_lock_free);

// clock_gettime() may be called in a signal's handler.
std::int64_t now_nanoseconds() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void on_signal(int) {
  if (stopped_at.exchange(now_nanoseconds()) != 0) _exit(kStoppedTwice);
}

}  // namespace

StopSignals::StopSignals() {
  // Process 1 of a container has no default action, so that a signal without a handler is lost.
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  // The frame of a signal's handler stands where oneDNN's compiled matrix products keep data of
  // theirs, below the stack: a signal in the middle of one ends in writes to wherever. So no thread
  // that computes may take one.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  try {
    thread_ = std::thread([signals] {
      const timespec no_wait = {};
      while (true) {
        int signal = 0;
        if (sigwait(&signals, &signal) != 0) continue;
        if (ends) return;
        // The second may be there already; told apart from the first, the job could end between.
        if (sigtimedwait(&signals, nullptr, &no_wait) > 0) _exit(kStoppedTwice);
        on_signal(signal);
      }
    });
  } catch (const std::system_error&) {  // a limit on threads: better a handler than no stop
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
}

StopSignals::~StopSignals() {
  if (!thread_.joinable()) return;
  ends = true;
  pthread_kill(thread_.native_handle(), SIGTERM);  // which it waits for
  thread_.join();
}

bool stop_requested() { return stopped_at.load(std::memory_order_relaxed) != 0; }

double seconds_since_stop() {
  const std::int64_t start = stopped_at.load(std::memory_order_relaxed);
  return start == 0 ? 0 : static_cast<double>(now_nanoseconds() - start) * kNanoseconds;
}

}  // namespace mlp
