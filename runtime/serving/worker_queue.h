#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "runtime/serving/invocations.h"

namespace mlp {

// Threads that predict, and the requests that wait for them, first come first served. A thread
// takes one request, with those behind it as long as all are small.
class WorkerQueue {
 public:
  struct Item {
    Exchange* exchange = nullptr;
    bool is_small = false;
    std::function<void()> done;  // called on the thread, once the exchange has its response
  };

  // Throws std::system_error where a thread can't be started.
  WorkerQueue(Invocations& invocations, std::size_t threads, std::size_t most_waiting);
  // Drops what waits, and lets the threads finish what they do.
  ~WorkerQueue();
  WorkerQueue(const WorkerQueue&) = delete;
  WorkerQueue& operator=(const WorkerQueue&) = delete;

  // False where too many wait.
  bool add(Item item);

  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  void end();
  void run();
  std::vector<Item> take();

  Invocations& invocations_;
  const std::size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable added_;
  std::deque<Item> items_;
  std::atomic<std::size_t> waiting_ = 0;  // how many items, for those without the lock
  bool ends_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace mlp
