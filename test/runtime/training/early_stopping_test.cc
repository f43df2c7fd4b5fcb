#include "runtime/training/early_stopping.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

namespace mlp {
namespace {

// The epoch after which it stops, and the best one; 0: it does not.
struct End {
  std::size_t stop = 0;
  std::size_t best = 0;
};

End run(const EarlyStoppingConfig& config, const std::vector<double>& values) {
  EarlyStopping stopping(config);
  for (std::size_t i = 0; i < values.size(); ++i) {
    stopping.add(i + 1, values[i]);
    if (stopping.should_stop()) return {i + 1, stopping.best_epoch()};
  }
  return {0, stopping.best_epoch()};
}

}  // namespace

TEST_SUITE("runtime/training") {
  // Worked by hand; Keras's own callback judges whole runs in test/oracle/test_early_stopping.py.
  TEST_CASE("EarlyStopping: stops by Keras's rule") {
    struct Case {
      const char* name;
      EarlyStoppingConfig config;
      std::vector<double> values;
      std::size_t stop;
      std::size_t best;
    };
    const double nan = std::nan("");
    for (const Case& c : {
             Case{"falls all the time", {.patience = 2}, {5, 4, 3, 2}, 0, 4},
             Case{"two without a better one", {.patience = 2}, {5, 4, 4, 4.5, 1}, 4, 2},
             Case{"better in time", {.patience = 2}, {5, 4, 6, 3, 6, 6}, 6, 4},
             Case{"no patience", {.patience = 0}, {5, 4, 4.1}, 3, 2},
             Case{"no patience, and the first may be the best", {.patience = 0}, {5, 6}, 2, 1},
             Case{"too small to count", {.patience = 2, .min_delta = 0.5}, {5, 4.6, 4.51}, 3, 1},
             Case{"just enough", {.patience = 2, .min_delta = 0.5}, {5, 4.6, 4.4, 4, 4}, 5, 3},
             Case{"larger is better",
                  {.patience = 1, .larger_is_better = true},
                  {0.1, 0.3, 0.2},
                  3,
                  2},
             Case{"what is no number is not better", {.patience = 2}, {5, nan, nan}, 3, 1},
             Case{"a number is better than none", {.patience = 2}, {nan, 5, 6, 6}, 4, 2},
         }) {
      CAPTURE(std::string(c.name));
      const End end = run(c.config, c.values);
      CHECK(end.stop == c.stop);
      CHECK(end.best == c.best);
    }
  }

  TEST_CASE("EarlyStopping: tells of each new best") {
    EarlyStopping stopping({.patience = 3});
    CHECK(stopping.add(1, 5));
    CHECK_FALSE(stopping.add(2, 6));
    CHECK(stopping.add(3, 4));
  }
}

}  // namespace mlp
