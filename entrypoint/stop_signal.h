#pragma once

#include <thread>

namespace mlp {

// As long as it lives, SIGTERM and SIGINT ask for a stop, and a second one ends the process at
// once. A thread of its own waits for them: they are blocked in the one that makes this and in all
// that it makes later. At most one in a process, made before other threads are.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  std::thread thread_;  // none where it can't be started: a handler is in its place
};

// Whether a stop was asked for. Threads: any.
bool stop_requested();

// How long ago the stop was asked for; 0 where none was. Threads: any.
double seconds_since_stop();

}  // namespace mlp
