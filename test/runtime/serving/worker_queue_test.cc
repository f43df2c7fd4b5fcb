#include "runtime/serving/worker_queue.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "model/artifact.h"
#include "test/support/reference.h"

namespace mlp {
namespace {

// Invocations for a model of one feature and one output, y = 2 x.
struct Doubling {
  Doubling() {
    input.row_shape = {1};
    input.preprocessor = &predictor.preprocessor();
    invocations.set_model(predictor, input);
  }

  static Artifact artifact() {
    Artifact artifact;
    artifact.schema.row_shape = {1};
    artifact.schema.task = Task::kRegression;
    artifact.weights.layers = {{1, 1, {2}, {0}}};
    return artifact;
  }

  const Predictor predictor{artifact()};
  PredictInputOptions input;
  Invocations invocations{{}};
};

Exchange number(int value) {
  Exchange exchange;
  exchange.request.method = "POST";
  exchange.request.path = "/invocations";
  exchange.request.content_type = "text/csv";
  exchange.request.accept = "text/csv";
  const std::string body = std::to_string(value) + "\n";
  exchange.request.body.append(body.data(), body.size());
  return exchange;
}

}  // namespace

TEST_SUITE("runtime/serving") {
  TEST_CASE("WorkerQueue: every request is answered once, with its own answer") {
    Doubling served;

    constexpr int kRequests = 500;
    std::vector<Exchange> exchanges;
    for (int i = 0; i < kRequests; ++i) exchanges.push_back(number(i));
    std::atomic<int> done = 0;
    std::promise<void> all;
    {
      WorkerQueue queue(served.invocations, 2, kRequests);
      for (int i = 0; i < kRequests; ++i) {
        REQUIRE(queue.add({&exchanges[static_cast<std::size_t>(i)], i % 3 != 0, [&] {
                             if (++done == kRequests) all.set_value();
                           }}));
      }
      REQUIRE(all.get_future().wait_for(std::chrono::minutes(1)) == std::future_status::ready);
      CHECK(queue.waiting() == 0);
    }
    bool right = true;
    for (int i = 0; i < kRequests; ++i) {
      right = right &&
              exchanges[static_cast<std::size_t>(i)].response.body == std::to_string(2 * i) + "\n";
    }
    CHECK(right);
    CHECK(done == kRequests);
  }

  TEST_CASE("WorkerQueue: small requests that wait behind one another are predicted as one") {
    Doubling served;
    constexpr std::size_t kWaiting = 2 * Invocations::kMostJoined;
    std::vector<Exchange> exchanges;
    for (std::size_t i = 0; i <= kWaiting; ++i) exchanges.push_back(number(1));
    std::promise<void> all_wait;
    std::atomic<std::size_t> done = 0;
    std::promise<void> all_done;
    {
      WorkerQueue queue(served.invocations, 1, kWaiting + 1);
      // The only thread is kept until the others are there.
      REQUIRE(queue.add({&exchanges[0], true, [&] { all_wait.get_future().wait(); }}));
      while (queue.waiting() > 0) std::this_thread::yield();
      for (std::size_t i = 1; i <= kWaiting; ++i) {
        REQUIRE(queue.add({&exchanges[i], true, [&] {
                             if (++done == kWaiting) all_done.set_value();
                           }}));
      }
      all_wait.set_value();
      REQUIRE(all_done.get_future().wait_for(std::chrono::minutes(1)) == std::future_status::ready);
    }
    CHECK(served.invocations.statistics().snapshot().passes == 1 + 2);
  }

  TEST_CASE("WorkerQueue: takes no more than may wait") {
    Doubling served;
    Exchange exchange = number(1);
    WorkerQueue queue(served.invocations, 0, 2);  // without threads, all wait
    CHECK(queue.add({&exchange, true, [] {}}));
    CHECK(queue.add({&exchange, true, [] {}}));
    CHECK(!queue.add({&exchange, true, [] {}}));
    CHECK(queue.waiting() == 2);
  }
}

}  // namespace mlp
