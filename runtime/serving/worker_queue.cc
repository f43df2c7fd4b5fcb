#include "runtime/serving/worker_queue.h"

#include <utility>

#include "model/kernels/engine.h"

namespace mlp {

WorkerQueue::WorkerQueue(Invocations& invocations, std::size_t threads, std::size_t most_waiting)
    : invocations_(invocations), most_waiting_(most_waiting) {
  try {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  } catch (...) {
    end();
    throw;
  }
}

WorkerQueue::~WorkerQueue() { end(); }

void WorkerQueue::end() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
    items_.clear();
  }
  added_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerQueue::add(Item item) {
  {
    const std::scoped_lock lock(mutex_);
    if (items_.size() >= most_waiting_) return false;
    items_.push_back(std::move(item));
    waiting_ = items_.size();
  }
  added_.notify_one();
  return true;
}

std::vector<WorkerQueue::Item> WorkerQueue::take() {
  std::unique_lock lock(mutex_);
  added_.wait(lock, [this] { return ends_ || !items_.empty(); });
  std::vector<Item> taken;
  while (!items_.empty() && taken.size() < Invocations::kMostJoined) {
    if (!taken.empty() && !(taken.back().is_small && items_.front().is_small)) break;
    taken.push_back(std::move(items_.front()));
    items_.pop_front();
  }
  waiting_ = items_.size();
  return taken;
}

void WorkerQueue::run() {
  kernels::prepare_thread();
  Invocations::Workspace workspace;
  std::vector<Exchange*> exchanges;
  while (true) {
    std::vector<Item> items = take();
    if (items.empty()) return;
    exchanges.clear();
    for (const Item& item : items) exchanges.push_back(item.exchange);
    invocations_.predict(exchanges, workspace);
    for (Item& item : items) item.done();
  }
}

}  // namespace mlp
